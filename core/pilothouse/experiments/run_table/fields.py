"""The fields that filters know, with their operators and choices, for filter builders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import select
from sqlmodel import Session, col

from pilothouse.experiments import keys
from pilothouse.experiments.metrics.kinds import metric_kind
from pilothouse.experiments.query.runs import METRICS, PARAMS, TAGS, RunLanguage
from pilothouse.experiments.query.sql import NAN_OPERATORS, OPERATORS, FieldSpec
from pilothouse.experiments.tables import Param

Kind = Literal["text", "number", "time", "choice"]
MAX_CHOICES = 50
KEYS_PER_QUERY = 100


@dataclass(frozen=True)
class QueryField:
    """A field of filters: its name as in run tables, its kind, operators and choices.

    `Predicate(FieldReference.of(name), operator, value)` is a predicate about it. Choices are the
    values that occur, when there are at most `MAX_CHOICES`.
    """

    name: str
    title: str
    kind: Kind
    operators: tuple[str, ...]
    choices: tuple[str, ...] = ()


def query_fields(
    session: Session, language: RunLanguage, experiment: str | None = None
) -> list[QueryField]:
    """The run's own fields, its metrics, parameters and tags, then the fields of other packages.

    Keys are those of one experiment's runs, or of all runs.
    """
    occurring = keys.facets(session)
    of_metrics = (*OPERATORS["number"], *NAN_OPERATORS)
    result = [_field(name, spec, occurring.get(name, ())) for name, spec in language.own.items()]
    result += [
        QueryField(f"metrics.{key}", metric_kind(key).title, "number", of_metrics)
        for key in keys.distinct_keys(session, keys.METRIC, experiment)
    ]
    params = keys.distinct_keys(session, keys.PARAM, experiment)
    textual = _params_with_text(session, params)
    result += [_param(key, is_text=key in textual) for key in params]
    result += [
        QueryField(f"tags.{key}", key, "text", OPERATORS["text"])
        for key in keys.distinct_keys(session, keys.TAG, experiment)
    ]

    return result + _fields_of_entities(language)


def _fields_of_entities(language: RunLanguage) -> list[QueryField]:
    return [
        _field(f"{entity.names[0]}.{key}", spec)
        for entity in language.entities
        if entity not in (METRICS, PARAMS, TAGS)
        for key, spec in entity.fields.items()
    ]


def _field(name: str, spec: FieldSpec, occurring: Sequence[str] = ()) -> QueryField:
    choices = spec.choices or (tuple(occurring) if len(occurring) <= MAX_CHOICES else ())
    kinds: Mapping[str, Kind] = {"number": "number", "time": "time", "choice": "choice"}
    kind = "choice" if choices else kinds.get(spec.kind, "text")
    return QueryField(name, spec.title, kind, spec.operators, choices)


def _param(key: str, *, is_text: bool) -> QueryField:
    kind: Kind = "text" if is_text else "number"
    return QueryField(f"params.{key}", key, kind, OPERATORS["either"])


def _params_with_text(session: Session, keys: Sequence[str]) -> set[str]:
    """The parameters that some run has as a text.

    PERF: `EXISTS` reads one entry of an index for each key; grouping would read them all.
    """
    textual: set[str] = set()
    for start in range(0, len(keys), KEYS_PER_QUERY):
        part = keys[start : start + KEYS_PER_QUERY]
        tests = [
            select(col(Param.run_id))
            .where(col(Param.key) == key, col(Param.number).is_(None))
            .exists()
            for key in part
        ]
        answers = session.execute(select(*tests)).one()
        textual |= {key for key, is_text in zip(part, answers, strict=True) if is_text}
    return textual
