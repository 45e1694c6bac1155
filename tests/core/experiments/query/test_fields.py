"""What can be clicked together is what can be asked."""

from __future__ import annotations

from pilothouse.experiments import RunFilter, query
from pilothouse.experiments.query import FieldReference, Now, Predicate
from pilothouse.experiments.query.sql import PATTERN_OPERATORS
from pilothouse.workspace import Workspace

VALUES: dict[str, query.Value] = {"text": "a", "choice": "a", "number": 1.0, "time": Now()}


def test_every_field_can_be_asked_by_every_operator_that_it_names(fleet: Workspace) -> None:
    room = fleet.experiments
    fields = room.query_fields()
    assert len({field.name for field in fields}) == len(fields)
    for field in fields:
        for operator in field.operators:
            value = field.choices[0] if field.choices else VALUES[field.kind]
            if operator.startswith("IS "):
                value = None
            elif operator.endswith("IN"):
                assert not isinstance(value, tuple)
                value = (value or "",)
            elif field.name.startswith("params."):
                value = "a" if operator in PATTERN_OPERATORS else 1.0
            text = query.join_predicates(
                "AND", [Predicate(FieldReference.of(field.name), operator, value)]
            )
            assert room.count(RunFilter(query=text)) >= 0, text


def test_fields_say_their_kind_and_the_values_that_are_few(fleet: Workspace) -> None:
    by_name = {field.name: field for field in fleet.experiments.query_fields()}
    assert {name: (by_name[name].kind, by_name[name].choices) for name in KNOWN} == KNOWN
    assert by_name["metrics.f1 score"].title == "f1 score"  # as it was logged
    assert "IS NAN" in by_name["metrics.loss"].operators
    assert ">" in by_name["params.lr"].operators
    assert ">" not in by_name["tags.team"].operators


KNOWN = {
    "name": ("text", ()),
    "status": ("choice", ("queued", "running", "finished", "failed", "cancelled")),
    "experiment": ("choice", ("deep/nets", "flights")),
    "trainer": ("choice", ("linear", "random_forest")),
    "user": ("choice", ("ada", "bob")),
    "created": ("time", ()),
    "duration": ("number", ()),
    "starred": ("choice", ("yes", "no")),
    "metrics.auc": ("number", ()),
    "params.depth": ("number", ()),
    "params.lr": ("text", ()),
    "params.kind": ("text", ()),
    "tags.team": ("text", ()),
    "datasets.name": ("text", ()),
    "models.stage": ("choice", ("none", "staging", "production", "archived")),
    "models.version": ("number", ()),
    "deployments.state": ("choice", ("running", "stopped")),
}


def test_keys_are_those_of_the_experiment(fleet: Workspace) -> None:
    room = fleet.experiments
    names = {field.name for field in room.query_fields("deep/nets")}
    assert "metrics.loss" in names
    assert not names & {"metrics.auc", "params.depth", "tags.team"}
    assert room.tag_keys("deep/nets") == []
    assert room.tag_keys() == ["dotted.key", "pilothouse.starred", "team"]
