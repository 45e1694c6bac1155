"""The fields that filters of runs know: own fields, metrics, parameters, tags and datasets.

Packages above this one add fields of their own as an `Entity`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from difflib import get_close_matches
from functools import cached_property
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
from pilothouse.experiments.query.parse import parse, write_field
from pilothouse.experiments.query.sql import (
    NAN_OPERATORS,
    Condition,
    FieldSpec,
    Kind,
    condition,
    join_with_or,
    predicate_condition,
    unusable,
)
from pilothouse.experiments.query.syntax_tree import PARTS, TEXT, FieldReference, Predicate, Tree
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

STATUS_SPELLINGS = {status.upper(): status for status in STATUSES}
STATUS_SPELLINGS |= {"KILLED": CANCELLED, "SCHEDULED": QUEUED}
MAX_FEW_RUNS = 2000
INDEXED_OPERATORS = ("=", ">", ">=", "<", "<=", "IN")
FewTest = Callable[[Select[Any]], bool]
YES_NO = {"YES": "yes", "NO": "no", "TRUE": "yes", "FALSE": "no"}
STARRED = "pilothouse.starred"


@dataclass(frozen=True)
class Entity:
    """A group of fields in filters, such as `metrics.<key>`: its names and its fields by key.

    `any_key` makes the specification for keys that are not listed.
    """

    names: tuple[str, ...]
    title: str
    fields: Mapping[str, FieldSpec] = field(default_factory=dict)
    any_key: Callable[[FieldReference], FieldSpec] | None = None


def _own_field(
    title: str, kind: Kind, column: Any, *, optional: bool = False, spelled: Any = None
) -> FieldSpec:
    """A column of the run itself; no predicate holds for a run without an optional value."""
    present = column.is_not(None)
    if kind == "text":
        present = and_(present, column != "")
    return FieldSpec(
        title,
        kind,
        column,
        (lambda holds: and_(present, holds)) if optional else _unchanged,
        present,
        spellings=spelled or {},
    )


def _unchanged(holds: Condition) -> Condition:
    return holds


@dataclass(frozen=True)
class _RowsOfRun:
    """Turns a condition on rows of a table into one on the runs that these rows belong to.

    PERF: `EXISTS` is tested run by run, so a page of many matching runs is full after a few tests.
    When `is_few` says that only few rows match, and an index leads to them, `IN` with the list of
    their runs is faster (`tests/bench/run.py table`).
    """

    table: Any
    join_conditions: tuple[Condition, ...] = ()
    indexed: bool = False
    is_few: FewTest | None = None

    def __call__(self, holds: Condition) -> Condition:
        run = col(self.table.run_id)
        rows = select(run).where(*self.join_conditions, holds)
        if self.is_few is not None and self.is_few(rows):
            return col(Run.id).in_(rows.correlate(None))
        return rows.where(run == col(Run.id)).correlate(Run).exists()


def _in_experiment(holds: Condition) -> Condition:
    experiments = select(col(Experiment.id)).where(holds)
    return col(Run.experiment_id).in_(experiments.correlate(None))


def _starred_field() -> FieldSpec:
    marked = select(col(RunTag.run_id)).where(
        col(RunTag.key) == STARRED, col(RunTag.value) == "yes"
    )
    column = case((col(Run.id).in_(marked.correlate(None)), "yes"), else_="no")
    return FieldSpec("Starred", "choice", column, spellings=YES_NO)


def own_fields(now: datetime) -> dict[str, FieldSpec]:
    """The run's own fields by name; the duration of a run that has not ended counts until `now`."""
    ended = func.coalesce(col(Run.ended_at), literal(now, Utc))
    lasted = type_coerce(ended, BigInteger) - type_coerce(col(Run.started_at), BigInteger)
    dirty = case((col(Run.dirty).is_(True), "yes"), (col(Run.dirty).is_(False), "no"))

    return {
        "name": _own_field("Name", "text", col(Run.name)),
        "id": _own_field("Id", "text", col(Run.id)),
        "status": _own_field("Status", "choice", col(Run.status), spelled=STATUS_SPELLINGS),
        "experiment": FieldSpec("Experiment", "text", col(Experiment.name), _in_experiment),
        "experiment_id": FieldSpec(
            "Experiment id", "text", cast(col(Experiment.id), String), _in_experiment
        ),
        "trainer": _own_field("Trainer", "text", col(Run.trainer), optional=True),
        "user": _own_field("User", "text", col(Run.user)),
        "created": _own_field("Created", "time", col(Run.created_at)),
        "started": _own_field("Started", "time", col(Run.started_at), optional=True),
        "ended": _own_field("Ended", "time", col(Run.ended_at), optional=True),
        "duration": _own_field("Duration (s)", "number", lasted / 1_000_000.0, optional=True),
        "parent": _own_field("Parent", "text", col(Run.parent_id), optional=True),
        "source": _own_field("Source", "text", col(Run.source), optional=True),
        "commit": _own_field("Commit", "text", col(Run.commit), optional=True),
        "dirty": _own_field("Uncommitted code", "choice", dirty, optional=True, spelled=YES_NO),
        "seed": _own_field("Seed", "number", col(Run.seed), optional=True),
        "job": _own_field("Job", "text", col(Run.job_id), optional=True),
        "note": _own_field("Note", "text", col(Run.note), optional=True),
        "error": _own_field("Error", "text", col(Run.error), optional=True),
        "starred": _starred_field(),
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


def _metric_field(named: FieldReference) -> FieldSpec:
    part = named.part or "last"
    within = _RowsOfRun(RunMetric, (col(RunMetric.key) == named.key,), indexed=part == "last")
    more = () if part == "count" else NAN_OPERATORS
    return FieldSpec(
        named.column, "number", col(getattr(RunMetric, part)), within, extra_operators=more
    )


def _param_field(named: FieldReference) -> FieldSpec:
    within = _RowsOfRun(Param, (col(Param.key) == named.key,), indexed=True)
    return FieldSpec(named.column, "either", col(Param.value), within, number=col(Param.number))


def _tag_field(named: FieldReference) -> FieldSpec:
    within = _RowsOfRun(RunTag, (col(RunTag.key) == named.key,), indexed=True)
    return FieldSpec(named.column, "text", col(RunTag.value), within)


def _dataset_field(title: str, logged_column: Any, registered_column: Any) -> FieldSpec:
    logged = _RowsOfRun(SourceUse, (col(SourceUse.source_id) == col(Source.id),))
    read = (
        ()
        if registered_column is None
        else (FieldSpec(title, "text", registered_column, _RowsOfRun(RunInput)),)
    )
    return FieldSpec(title, "text", logged_column, logged, alternatives=read)


METRICS = Entity(("metrics", "metric"), "Metrics", any_key=_metric_field)
PARAMS = Entity(("params", "param", "parameters", "parameter"), "Parameters", any_key=_param_field)
TAGS = Entity(("tags", "tag"), "Tags", any_key=_tag_field)
DATASETS = Entity(
    ("datasets", "dataset"),
    "Datasets",
    {
        "name": _dataset_field("Dataset", col(Source.name), before(col(RunInput.dataset), "@")),
        "digest": _dataset_field("Dataset digest", col(Source.digest), None),
        "context": _dataset_field("Dataset role", col(SourceUse.role), col(RunInput.role)),
        "version": FieldSpec(
            "Dataset version", "text", col(RunInput.dataset), _RowsOfRun(RunInput)
        ),
    },
)
RUN_ENTITIES = (METRICS, PARAMS, TAGS, DATASETS)
OWN_NAMES = ("", "attributes", "attribute", "attr", "run")


class RunLanguage:
    """Translates filters about runs into conditions, with the entities of other packages.

    `now` is the instant that relative times refer to. On SQLite, with a session, an index is asked
    beforehand whether few runs match a predicate; PostgreSQL's planner knows that by itself.
    `reads_all` says that every matching run will be read, as for a count: then a list of matches
    is always right.
    """

    def __init__(
        self,
        now: datetime,
        entities: Sequence[Entity] = (),
        session: Session | None = None,
        *,
        reads_all: bool = False,
    ) -> None:
        self.now = now
        self._session, self._reads_all = session, reads_all
        self.own = own_fields(now)
        self.entities = (*RUN_ENTITIES, *entities)

    def for_full_read(self) -> RunLanguage:
        """The same language, for a statement that reads every matching run."""
        more = self.entities[len(RUN_ENTITIES) :]
        return RunLanguage(self.now, more, self._session, reads_all=True)

    def compile(self, text: str) -> CompiledQuery:
        """Parse a filter once, for all statements of a request. Raises Invalid."""
        return CompiledQuery(text, parse(text), self)

    def of_tree(self, tree: Tree) -> Condition:
        """A tree as a condition on `Run`."""
        return condition(tree, self.of_predicate)

    def of_predicate(self, predicate: Predicate) -> Condition:
        """One predicate as a condition on `Run`. Raises Invalid for a field that there is not."""
        if predicate.bare:
            self._check_word(predicate)
        if predicate.field == TEXT:
            return _text_condition(predicate)
        return predicate_condition(self.field_spec(predicate), predicate, self.now)

    def _few_test(self) -> FewTest | None:
        session = self._session
        if session is None or session.get_bind().dialect.name != "sqlite":
            return None
        if self._reads_all:
            return lambda _rows: True

        def few(rows: Select[Any]) -> bool:
            some = rows.limit(MAX_FEW_RUNS + 1).subquery()
            return (
                int(session.execute(select(func.count()).select_from(some)).scalar_one())
                <= MAX_FEW_RUNS
            )

        return few

    def field_spec(self, predicate: Predicate) -> FieldSpec:
        """The specification of a predicate's field. Raises Invalid for an unknown field."""
        spec = self._find_field(predicate)
        within = spec.within
        if (
            isinstance(within, _RowsOfRun)
            and within.indexed
            and predicate.operator in INDEXED_OPERATORS
        ):
            return replace(spec, within=replace(within, is_few=self._few_test()))
        return spec

    def _find_field(self, predicate: Predicate) -> FieldSpec:
        named = predicate.field
        if named.part and (named.entity not in METRICS.names or named.part not in PARTS):
            raise self._unknown_part(predicate)
        if named.entity in OWN_NAMES:
            key = ALIASES.get(named.key.lower(), named.key.lower())
            return self._listed_field(predicate, self.own, key)

        entity = next(
            (candidate for candidate in self.entities if named.entity in candidate.names), None
        )
        if entity is None:
            raise self._unknown_entity(predicate)
        if entity.any_key is not None:
            return entity.any_key(named)

        return self._listed_field(predicate, entity.fields, named.key)

    def _listed_field(
        self, predicate: Predicate, fields: Mapping[str, FieldSpec], key: str
    ) -> FieldSpec:
        if key in fields:
            return fields[key]
        entity = predicate.field.entity
        prefix = f"{entity}." if entity else ""
        near = get_close_matches(key, [*fields, *(() if prefix else ALIASES)], 3)
        message = (
            f"there is no field {prefix + key!r}{_did_you_mean(prefix + name for name in near)}"
        )
        hint = f"Known: {', '.join(prefix + name for name in fields)}."
        if not prefix:
            hint += f" A metric is metrics.{key}, a parameter params.{key}, a tag tags.{key}."
        raise unusable(predicate, message, hint)

    def _unknown_entity(self, predicate: Predicate) -> Invalid:
        names = [entity.names[0] for entity in self.entities]
        named = predicate.field
        near = get_close_matches(named.entity, names, 2)
        written = [write_field(FieldReference(name, named.key)) for name in near or names[:3]]
        message = f"there is no group of fields {named.entity!r}{_did_you_mean(written)}"
        return unusable(predicate, message, f"Known before a dot: {', '.join(names)}.")

    def _unknown_part(self, predicate: Predicate) -> Invalid:
        named = predicate.field
        if named.part in PARTS:
            return unusable(
                predicate, f"{named.part}() takes a metric: {named.part}(metrics.<key>)"
            )
        near = _did_you_mean(f"{name}()" for name in get_close_matches(named.part, PARTS, 2))
        parts = ", ".join(f"{name}()" for name in PARTS)
        return unusable(predicate, f"there is no {named.part}(){near}", f"Known: {parts}.")

    def _check_word(self, predicate: Predicate) -> None:
        """Raise Invalid for a bare word that names a field: a comparison was probably meant."""
        word = predicate.position.text
        entity, dot, _ = word.partition(".")
        names = {name for candidate in self.entities for name in candidate.names}
        if word in self.own or word in ALIASES or (dot and entity in names):
            raise unusable(predicate, f"expected an operator after {word}, such as = or LIKE")


class CompiledQuery:
    """A parsed filter, and its conditions on `Run`, each made at most once.

    Making a condition can cost a statement (see `RunLanguage`), and one page needs it several
    times: for the walk along an index, for the sort and for the runs without a value.
    """

    def __init__(self, text: str, tree: Tree, language: RunLanguage) -> None:
        self.text, self.tree = text, tree
        self._language = language

    @cached_property
    def per_run(self) -> Condition:
        """The condition for statements that stop once a page is full. Raises Invalid."""
        return self._language.of_tree(self.tree)

    @cached_property
    def full_read(self) -> Condition:
        """The condition for statements that read every matching run. Raises Invalid."""
        return self._language.for_full_read().of_tree(self.tree)


def _did_you_mean(near: Iterable[str]) -> str:
    suggestions = tuple(near)
    return f"; did you mean {join_with_or(suggestions)}?" if suggestions else ""


def _text_condition(predicate: Predicate) -> Condition:
    if predicate.operator not in ("CONTAINS", "NOT CONTAINS") or not isinstance(
        predicate.value, str
    ):
        raise unusable(predicate, "text takes only CONTAINS or NOT CONTAINS with a quoted string")
    condition = contains_text(predicate.value)
    return condition if predicate.operator == "CONTAINS" else not_(condition)


def contains_text(text: str) -> Condition:
    """Whether name, trainer or note contain the text, ignoring case, or the id begins with it."""
    return or_(
        col(Run.name).icontains(text, autoescape=True),
        col(Run.id).startswith(text.lower(), autoescape=True),
        func.coalesce(col(Run.trainer), "").icontains(text, autoescape=True),
        col(Run.note).icontains(text, autoescape=True),
    )
