"""What a filter can ask, for those who click it together instead of writing it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import select
from sqlmodel import Session, col

from pilothouse.experiments import keys
from pilothouse.experiments.metrics.kinds import metric_kind
from pilothouse.experiments.query.runs import METRICS, PARAMS, TAGS, RunLanguage
from pilothouse.experiments.query.sql import NANS, OPERATORS, FieldSpec
from pilothouse.experiments.tables import Param

Kind = Literal["text", "number", "time", "choice"]
MAX_CHOICES = 50
AT_ONCE = 100


@dataclass(frozen=True)
class QueryField:
    """A field as a column of a run table is called, its kind, and what it can be asked.

    A claim about it is `Comparison(Field.of(name), operator, value)`. Choices are the values that
    occur, when they are few.
    """

    name: str
    title: str
    kind: Kind
    operators: tuple[str, ...]
    choices: tuple[str, ...] = ()


def query_fields(
    session: Session, language: RunLanguage, experiment: str | None = None
) -> list[QueryField]:
    """The run's own fields, its metrics, parameters and tags, then those of other rooms.

    Keys are those of one experiment's runs, or of all.
    """
    occurring = keys.facets(session)
    of_metrics = (*OPERATORS["number"], *NANS)
    found = [_field(name, known, occurring.get(name, ())) for name, known in language.own.items()]
    found += [
        QueryField(f"metrics.{key}", metric_kind(key).title, "number", of_metrics)
        for key in keys.distinct_keys(session, keys.METRIC, experiment)
    ]
    params = keys.distinct_keys(session, keys.PARAM, experiment)
    textual = _textual(session, params)
    found += [_param(key, is_text=key in textual) for key in params]
    found += [
        QueryField(f"tags.{key}", key, "text", OPERATORS["text"])
        for key in keys.distinct_keys(session, keys.TAG, experiment)
    ]
    return found + _elsewhere(language)


def _elsewhere(language: RunLanguage) -> list[QueryField]:
    return [
        _field(f"{entity.names[0]}.{key}", known)
        for entity in language.entities
        if entity not in (METRICS, PARAMS, TAGS)
        for key, known in entity.fields.items()
    ]


def _field(name: str, known: FieldSpec, occurring: Sequence[str] = ()) -> QueryField:
    choices = known.choices or (tuple(occurring) if len(occurring) <= MAX_CHOICES else ())
    kinds: Mapping[str, Kind] = {"number": "number", "time": "time", "choice": "choice"}
    kind = "choice" if choices else kinds.get(known.kind, "text")
    return QueryField(name, known.title, kind, known.operators, choices)


def _param(key: str, *, is_text: bool) -> QueryField:
    kind: Kind = "text" if is_text else "number"
    return QueryField(f"params.{key}", key, kind, OPERATORS["either"])


def _textual(session: Session, keys: Sequence[str]) -> set[str]:
    """The parameters that some run has as a text; an index answers each with one look."""
    found: set[str] = set()
    for start in range(0, len(keys), AT_ONCE):
        part = keys[start : start + AT_ONCE]
        looks = [
            select(col(Param.run_id))
            .where(col(Param.key) == key, col(Param.number).is_(None))
            .exists()
            for key in part
        ]
        answers = session.execute(select(*looks)).one()
        found |= {key for key, is_text in zip(part, answers, strict=True) if is_text}
    return found
