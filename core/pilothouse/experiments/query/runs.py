"""What can be asked of runs: their own facts, metrics, parameters, tags, datasets, and the rest.

Rooms above this one add what they know of runs as an `Entity` of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from difflib import get_close_matches
from typing import Any

from sqlalchemy import (
    BigInteger,
    Select,
    String,
    and_,
    case,
    cast,
    func,
    literal,
    not_,
    or_,
    select,
    type_coerce,
)
from sqlmodel import Session, col

from pilothouse.experiments.query.dialects import before
from pilothouse.experiments.query.parse import parse, written_name
from pilothouse.experiments.query.sql import (
    NANS,
    Condition,
    FieldSpec,
    Kind,
    condition,
    listed,
    predicate_condition,
    unfit,
)
from pilothouse.experiments.query.tree import PARTS, TEXT, Comparison, FieldReference, Tree
from pilothouse.experiments.tables import (
    CANCELLED,
    QUEUED,
    STATUSES,
    Experiment,
    Param,
    Run,
    RunInput,
    RunMetric,
    RunTag,
    Source,
    SourceUse,
)
from pilothouse.kit.errors import Invalid
from pilothouse.storage import Utc

SPELLINGS = {status.upper(): status for status in STATUSES}
SPELLINGS |= {"KILLED": CANCELLED, "SCHEDULED": QUEUED}
FEW_RUNS = 2000
SEEKS = ("=", ">", ">=", "<", "<=", "IN")
Few = Callable[[Select[Any]], bool]
YES_NO = {"YES": "yes", "NO": "no", "TRUE": "yes", "FALSE": "no"}
STARRED = "pilothouse.starred"


@dataclass(frozen=True)
class Entity:
    """Fields under one name: `names` in the filter, and what is known under each key.

    `any_key` answers for keys that are not listed.
    """

    names: tuple[str, ...]
    title: str
    fields: Mapping[str, FieldSpec] = field(default_factory=dict)
    any_key: Callable[[FieldReference], FieldSpec] | None = None


def _own(
    title: str, kind: Kind, column: Any, *, optional: bool = False, spelled: Any = None
) -> FieldSpec:
    """A column of the run itself; where a run may be without, no claim about it holds then."""
    present = column.is_not(None)
    if kind == "text":
        present = and_(present, column != "")
    return FieldSpec(
        title,
        kind,
        column,
        (lambda holds: and_(present, holds)) if optional else _as_it_is,
        present,
        spelled=spelled or {},
    )


def _as_it_is(holds: Condition) -> Condition:
    return holds


@dataclass(frozen=True)
class _Of:
    """A condition on rows of a table becomes one on the runs that they are of.

    With EXISTS a page is full after as many looks as it takes; that is right when many runs are
    meant. When `few` says that it is few of them, and an index leads there, they are a list.
    """

    table: Any
    joined: tuple[Condition, ...] = ()
    indexed: bool = False
    few: Few | None = None

    def __call__(self, holds: Condition) -> Condition:
        run = col(self.table.run_id)
        rows = select(run).where(*self.joined, holds)
        if self.few is not None and self.few(rows):
            return col(Run.id).in_(rows.correlate(None))
        return rows.where(run == col(Run.id)).correlate(Run).exists()


def _in_experiment(holds: Condition) -> Condition:
    experiments = select(col(Experiment.id)).where(holds)
    return col(Run.experiment_id).in_(experiments.correlate(None))


def _starred() -> FieldSpec:
    marked = select(col(RunTag.run_id)).where(
        col(RunTag.key) == STARRED, col(RunTag.value) == "yes"
    )
    column = case((col(Run.id).in_(marked.correlate(None)), "yes"), else_="no")
    return FieldSpec("Starred", "choice", column, spelled=YES_NO)


def own_fields(now: datetime) -> dict[str, FieldSpec]:
    """The run's own facts by our names and MLflow's; a run that goes on lasts until now."""
    ended = func.coalesce(col(Run.ended_at), literal(now, Utc))
    lasted = type_coerce(ended, BigInteger) - type_coerce(col(Run.started_at), BigInteger)
    dirty = case((col(Run.dirty).is_(True), "yes"), (col(Run.dirty).is_(False), "no"))
    return {
        "name": _own("Name", "text", col(Run.name)),
        "id": _own("Id", "text", col(Run.id)),
        "status": _own("Status", "choice", col(Run.status), spelled=SPELLINGS),
        "experiment": FieldSpec("Experiment", "text", col(Experiment.name), _in_experiment),
        "experiment_id": FieldSpec(
            "Experiment's number", "text", cast(col(Experiment.id), String), _in_experiment
        ),
        "trainer": _own("Trainer", "text", col(Run.trainer), optional=True),
        "user": _own("User", "text", col(Run.user)),
        "created": _own("Created", "time", col(Run.created_at)),
        "started": _own("Started", "time", col(Run.started_at), optional=True),
        "ended": _own("Ended", "time", col(Run.ended_at), optional=True),
        "duration": _own("Duration (s)", "number", lasted / 1_000_000.0, optional=True),
        "parent": _own("Parent", "text", col(Run.parent_id), optional=True),
        "source": _own("Source", "text", col(Run.source), optional=True),
        "commit": _own("Commit", "text", col(Run.commit), optional=True),
        "dirty": _own("Uncommitted code", "choice", dirty, optional=True, spelled=YES_NO),
        "seed": _own("Seed", "number", col(Run.seed), optional=True),
        "job": _own("Job", "text", col(Run.job_id), optional=True),
        "note": _own("Note", "text", col(Run.note), optional=True),
        "error": _own("Error", "text", col(Run.error), optional=True),
        "starred": _starred(),
    }


ALIASES = {
    "run_id": "id",
    "run_name": "name",
    "run name": "name",
    "user_id": "user",
    "start_time": "started",
    "end_time": "ended",
    "created_at": "created",
    "started_at": "started",
    "ended_at": "ended",
    "duration_s": "duration",
    "parent_id": "parent",
    "job_id": "job",
}


def _metric(named: FieldReference) -> FieldSpec:
    part = named.part or "last"
    within = _Of(RunMetric, (col(RunMetric.key) == named.key,), indexed=part == "last")
    more = () if part == "count" else NANS
    return FieldSpec(named.column, "number", col(getattr(RunMetric, part)), within, more=more)


def _param(named: FieldReference) -> FieldSpec:
    within = _Of(Param, (col(Param.key) == named.key,), indexed=True)
    return FieldSpec(named.column, "either", col(Param.value), within, number=col(Param.number))


def _tag(named: FieldReference) -> FieldSpec:
    within = _Of(RunTag, (col(RunTag.key) == named.key,), indexed=True)
    return FieldSpec(named.column, "text", col(RunTag.value), within)


def _dataset(title: str, theirs: Any, ours: Any) -> FieldSpec:
    logged = _Of(SourceUse, (col(SourceUse.source_id) == col(Source.id),))
    read = () if ours is None else (FieldSpec(title, "text", ours, _Of(RunInput)),)
    return FieldSpec(title, "text", theirs, logged, also=read)


METRICS = Entity(("metrics", "metric"), "Metrics", any_key=_metric)
PARAMS = Entity(("params", "param", "parameters", "parameter"), "Parameters", any_key=_param)
TAGS = Entity(("tags", "tag"), "Tags", any_key=_tag)
DATASETS = Entity(
    ("datasets", "dataset"),
    "Datasets",
    {
        "name": _dataset("Dataset", col(Source.name), before(col(RunInput.dataset), "@")),
        "digest": _dataset("Dataset's digest", col(Source.digest), None),
        "context": _dataset("Dataset's role", col(SourceUse.role), col(RunInput.role)),
        "version": FieldSpec("Dataset version", "text", col(RunInput.dataset), _Of(RunInput)),
    },
)
OF_RUNS = (METRICS, PARAMS, TAGS, DATASETS)
OWN_NAMES = ("", "attributes", "attribute", "attr", "run")


class RunLanguage:
    """The language about runs at an instant, with the entities of the rooms above.

    With a session it asks an index beforehand whether a claim is about few runs. PostgreSQL finds
    that out by itself. `whole` says that all that is meant will be read, as for a count: then it is
    taken for few.
    """

    def __init__(
        self,
        now: datetime,
        entities: Sequence[Entity] = (),
        session: Session | None = None,
        *,
        whole: bool = False,
    ) -> None:
        self.now = now
        self._session, self._whole = session, whole
        self.own = own_fields(now)
        self.entities = (*OF_RUNS, *entities)

    def of_all(self) -> RunLanguage:
        """The same language, for a question that reads all that is meant."""
        more = self.entities[len(OF_RUNS) :]
        return RunLanguage(self.now, more, self._session, whole=True)

    def condition(self, text: str) -> Condition:
        """A filter as a condition on `Run`. Raises Invalid, naming the place of what is wrong."""
        return self.of(parse(text))

    def of(self, tree: Tree) -> Condition:
        """A tree as a condition on `Run`."""
        return condition(tree, self.claim)

    def claim(self, claim: Comparison) -> Condition:
        """One claim as a condition on `Run`. Raises Invalid for a field that there is not."""
        if claim.bare:
            self._check_word(claim)
        if claim.field == TEXT:
            return _has_words(claim)
        return predicate_condition(self.known(claim), claim, self.now)

    def _few(self) -> Few | None:
        session = self._session
        if session is None or session.get_bind().dialect.name != "sqlite":
            return None
        if self._whole:
            return lambda _rows: True

        def few(rows: Select[Any]) -> bool:
            some = rows.limit(FEW_RUNS + 1).subquery()
            return (
                int(session.execute(select(func.count()).select_from(some)).scalar_one())
                <= FEW_RUNS
            )

        return few

    def known(self, claim: Comparison) -> FieldSpec:
        """What is known of the claim's field. Raises Invalid when there is no such field."""
        found = self._found(claim)
        within = found.within
        if isinstance(within, _Of) and within.indexed and claim.operator in SEEKS:
            return replace(found, within=replace(within, few=self._few()))
        return found

    def _found(self, claim: Comparison) -> FieldSpec:
        named = claim.field
        if named.part and (named.entity not in METRICS.names or named.part not in PARTS):
            raise self._no_part(claim)
        if named.entity in OWN_NAMES:
            key = ALIASES.get(named.key.lower(), named.key.lower())
            return self._listed(claim, self.own, key)
        entity = next((each for each in self.entities if named.entity in each.names), None)
        if entity is None:
            raise self._no_entity(claim)
        if entity.any_key is not None:
            return entity.any_key(named)
        return self._listed(claim, entity.fields, named.key)

    def _listed(self, claim: Comparison, fields: Mapping[str, FieldSpec], key: str) -> FieldSpec:
        if key in fields:
            return fields[key]
        entity = claim.field.entity
        prefix = f"{entity}." if entity else ""
        near = get_close_matches(key, [*fields, *(() if prefix else ALIASES)], 3)
        words = f"there is no field {prefix + key!r}{_meant(prefix + each for each in near)}"
        hint = f"Known: {', '.join(prefix + each for each in fields)}."
        if not prefix:
            hint += f" A metric is metrics.{key}, a parameter params.{key}, a tag tags.{key}."
        raise unfit(claim, words, hint)

    def _no_entity(self, claim: Comparison) -> Invalid:
        names = [each.names[0] for each in self.entities]
        named = claim.field
        near = get_close_matches(named.entity, names, 2)
        written = [written_name(FieldReference(each, named.key)) for each in near or names[:3]]
        words = f"nothing is called {named.entity!r}{_meant(written)}"
        return unfit(claim, words, f"Before a dot stands one of: {', '.join(names)}.")

    def _no_part(self, claim: Comparison) -> Invalid:
        named = claim.field
        if named.part in PARTS:
            return unfit(claim, f"{named.part}() is of a metric: {named.part}(metrics.<key>)")
        near = _meant(f"{each}()" for each in get_close_matches(named.part, PARTS, 2))
        parts = ", ".join(f"{each}()" for each in PARTS)
        return unfit(claim, f"there is no {named.part}(){near}", f"Known: {parts}.")

    def _check_word(self, claim: Comparison) -> None:
        """A word that names a field was to be compared with something."""
        word = claim.position.text
        entity, dot, _ = word.partition(".")
        names = {name for each in self.entities for name in each.names}
        if word in self.own or word in ALIASES or (dot and entity in names):
            raise unfit(claim, f"expected an operator after {word}, such as = or LIKE")


def _meant(near: Iterable[str]) -> str:
    told = tuple(near)
    return f"; did you mean {listed(told)}?" if told else ""


def _has_words(claim: Comparison) -> Condition:
    if claim.operator not in ("CONTAINS", "NOT CONTAINS") or not isinstance(claim.value, str):
        raise unfit(claim, "text is asked with CONTAINS or NOT CONTAINS and words in quotes")
    found = has_words(claim.value)
    return found if claim.operator == "CONTAINS" else not_(found)


def has_words(words: str) -> Condition:
    """Whether name, trainer or note have these words in them, or the id begins with them."""
    return or_(
        col(Run.name).icontains(words, autoescape=True),
        col(Run.id).startswith(words.lower(), autoescape=True),
        func.coalesce(col(Run.trainer), "").icontains(words, autoescape=True),
        col(Run.note).icontains(words, autoescape=True),
    )
