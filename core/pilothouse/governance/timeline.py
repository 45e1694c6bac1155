"""The events of a model, or of all, on one time axis: by page, kind and date.

Each source gives the instants and ids of its newest events by an index, the database merges them,
and only the events of the page are read whole. Routine work, such as windows that were evaluated,
is no event.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import String, cast, func, literal, select, union_all
from sqlmodel import Session, col

from pilothouse.experiments.tables import RunInput
from pilothouse.governance.event_sources import (
    KINDS,
    PROMOTION,
    SOURCES,
    EventScope,
    EventSource,
    TimelineEvent,
)
from pilothouse.governance.outcomes import PromotionOutcome, outcomes
from pilothouse.governance.promise import CONTRADICTED
from pilothouse.kit.errors import Invalid, NotFound
from pilothouse.registry.tables import Model, ModelVersion


@dataclass(frozen=True)
class TimelineFilter:
    """Which events are of interest: of a model, of kinds, from `since` and before `until`."""

    model: str | None = None
    kinds: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None

    def __post_init__(self) -> None:
        unknown = ", ".join(kind for kind in self.kinds if kind not in KINDS)
        if unknown:
            choices = ", ".join(KINDS)
            raise Invalid(f"no kind of event named {unknown}.", fields={"kinds": choices})

    @property
    def sources(self) -> list[EventSource]:
        """The sources of these kinds."""
        return [source for source in SOURCES if not self.kinds or source.kind in self.kinds]


def events(session: Session, chosen: TimelineFilter, page: int, size: int) -> list[TimelineEvent]:
    """A page of events, the newest first. Raises NotFound without the model."""
    scope = _scope(session, chosen)
    most = page * size
    newest = []
    for number, source in enumerate(chosen.sources):
        keys = source.keys(scope)
        at, key = keys.selected_columns
        limited = keys.order_by(at.desc(), key.desc()).limit(most).subquery()
        part = (literal(number).label("source"), limited.c[0].label("at"))
        newest.append(select(*part, cast(limited.c[1], String).label("key")))
    merged = union_all(*newest).subquery()
    order = (merged.c.at.desc(), merged.c.source, merged.c.key.desc())
    query = select(merged.c.source, merged.c.key).order_by(*order)
    rows = session.execute(query.limit(size).offset(most - size)).all()
    return _read(session, chosen.sources, [(number, key) for number, key in rows])


def count(session: Session, chosen: TimelineFilter) -> int:
    """How many events there are. Raises NotFound without the model."""
    scope = _scope(session, chosen)
    return sum(
        session.scalar(select(func.count()).select_from(source.keys(scope).subquery())) or 0
        for source in chosen.sources
    )


def _read(
    session: Session, sources: Sequence[EventSource], rows: Sequence[tuple[int, str]]
) -> list[TimelineEvent]:
    """The events of a page in its order; one query for each source that has some."""
    keys = defaultdict(list)
    for number, key in rows:
        keys[number].append(key)
    by_row = {
        (number, key): event
        for number, of_source in keys.items()
        for key, event in sources[number].read(session, of_source)
    }
    return [by_row[row] for row in rows]


def _scope(session: Session, chosen: TimelineFilter) -> EventScope:
    if chosen.model is not None and session.get(Model, chosen.model) is None:
        raise NotFound(f"no model named {chosen.model!r}")
    contradicted: tuple[PromotionOutcome, ...] = ()
    if not chosen.kinds or PROMOTION in chosen.kinds:
        # PERF: of all models only of what is in production now.
        of_all = chosen.model is None
        judged = outcomes(session, chosen.model, current=of_all)
        contradicted = tuple(one for one in judged if one.state == CONTRADICTED)
    datasets = () if chosen.model is None else _datasets(session, chosen.model)
    return EventScope(chosen.model, datasets, chosen.since, chosen.until, contradicted)


def _datasets(session: Session, model: str) -> tuple[str, ...]:
    """The names of the datasets that versions of a model were trained on."""
    trained = select(col(ModelVersion.dataset)).where(col(ModelVersion.model) == model)
    inputs = (
        select(col(RunInput.dataset))
        .join(ModelVersion, col(ModelVersion.run_id) == col(RunInput.run_id))
        .where(col(ModelVersion.model) == model)
    )
    refs = {ref for query in (trained, inputs) for ref in session.scalars(query.distinct())}
    return tuple(sorted({ref.rpartition("@")[0] for ref in refs} - {""}))
