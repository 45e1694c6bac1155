"""Writing runs that other programs log: started, tagged, updated, linked to their parents.

Tags of such programs may say what a run has a column for (its name, its note). They are kept as
tags, and `columns` says which of them are written into which column too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete
from sqlmodel import Session, col

from pilothouse import activity
from pilothouse.experiments import keys, late_writes
from pilothouse.experiments.lifecycle import close_holds
from pilothouse.experiments.tables import ENDED, RUNNING, Run, RunTag
from pilothouse.kit.clock import to_ms
from pilothouse.kit.errors import Conflict, Invalid
from pilothouse.storage import Store

MAX_ANCESTORS = 1_000  # more than that is a circle or nonsense


@dataclass(frozen=True)
class NewRun:
    """A run as another program describes it."""

    id: str
    experiment_id: int
    name: str
    created_at: datetime
    started_at: datetime
    user: str = ""
    source: str = ""
    commit: str | None = None


@dataclass(frozen=True)
class TagColumns:
    """Which tags are also columns: `names` by key, and the key that names the parent run."""

    names: Mapping[str, str]
    parent: str


def insert(session: Session, new: NewRun) -> Run:
    """Add a running run, without an activity of its own: for whoever brings many at once."""
    run = Run(status=RUNNING, **vars(new))
    session.add(run)
    session.flush()
    return run


def start(
    session: Session, store: Store, new: NewRun, tags: Mapping[str, str], columns: TagColumns
) -> Run:
    """Start a run with its tags."""
    run = insert(session, new)
    set_tags(session, run, tags, columns)
    # After the tags: they may name a parent, and a child's start is no activity of its own.
    _record(session, store, "started", run)
    return run


def set_tags(session: Session, run: Run, tags: Mapping[str, str], columns: TagColumns) -> None:
    """Set tags, and the columns of those that have one, without a trace."""
    for key, value in tags.items():
        session.merge(RunTag(run_id=run.id, key=key, value=value))
        if key in columns.names:
            setattr(run, columns.names[key], value)
        elif key == columns.parent:
            _follow_parent_tag(session, run, value)
    session.add(run)
    session.flush()
    keys.register_keys(session, run.id, keys.TAG, tags)


def _follow_parent_tag(session: Session, run: Run, parent_id: str) -> None:
    """A tag may name any run, or none: only one of the same experiment becomes the parent."""
    parent = session.get(Run, parent_id)
    if parent is not None and parent.id != run.id and parent.experiment_id == run.experiment_id:
        run.parent_id = parent.id


def change_tags(
    session: Session, store: Store, run: Run, tags: Mapping[str, str], columns: TagColumns
) -> None:
    """Set tags of a run; of one that has ended, the activity log says what they were.

    Raises Refused for a tag that is evidence of a model version.
    """
    late = late_writes.late_run(session, run.id)
    if late is None:
        set_tags(session, run, tags, columns)
        return
    before = late_writes.tags_before(session, run.id, tags, late, tags)
    set_tags(session, run, tags, columns)
    old = {"tags": late_writes.first_values(before)} if before else {}
    late.record(session, store, old, {"tags": late_writes.first_values(tags)})


def delete_tag(session: Session, store: Store, run: Run, key: str, column: str = "") -> bool:
    """Delete a tag and empty its column, when it has one; whether there was such a tag.

    Raises Refused for a tag that is evidence of a model version.
    """
    late = late_writes.late_run(session, run.id)
    before = late_writes.tags_before(session, run.id, [key], late, {}) if late else {}
    statement = delete(RunTag).where(col(RunTag.run_id) == run.id, col(RunTag.key) == key)
    if session.connection().execute(statement).rowcount == 0:
        return False

    if column:
        setattr(run, column, "")
        session.add(run)
    if late is not None:
        late.record(session, store, {"tags": before}, {})
    return True


def update(
    session: Session,
    store: Store,
    run: Run,
    *,
    status: str,
    ended_at: datetime | None,
    tags: Mapping[str, str],
    columns: TagColumns,
) -> None:
    """Give a run a status, an end and tags, whichever order they come in.

    A run may end, run on and end again: clients resume runs. Only a change is an activity.
    """
    before, ended_before = run.status, run.ended_at
    late = late_writes.late_run(session, run.id)
    run.status, run.ended_at = status, ended_at
    if tags:
        change_tags(session, store, run, tags, columns)
    session.add(run)
    session.flush()

    if run.status in ENDED:
        close_holds(session, run.id)
    if late is not None and before == run.status and run.ended_at != ended_before:
        instants = [at and to_ms(at) for at in (ended_before, run.ended_at)]
        late.record(session, store, {"end_time": instants[0]}, {"end_time": instants[1]})
    if before != run.status:
        _record(session, store, "resumed" if run.status == RUNNING else run.status, run)


def import_end(
    session: Session,
    run: Run,
    *,
    status: str,
    ended_at: datetime,
    archived_at: datetime | None,
) -> None:
    """Take over the end that a run has elsewhere; one that still runs there goes on running."""
    run.status = status or run.status
    if run.status in ENDED:
        run.ended_at = ended_at
    run.archived_at = run.archived_at or archived_at
    session.add(run)
    session.flush()
    if run.status in ENDED:
        close_holds(session, run.id)


def reopen(session: Session, run: Run) -> None:
    """Restore an archived run for the rest of an import, which archives it again at the end."""
    run.archived_at = None
    session.flush()


def set_parent(session: Session, run: Run, parent: Run) -> None:
    """Put a run below another one.

    Raises Conflict when that is of another experiment, Invalid when the run would be above itself.
    """
    if parent.experiment_id != run.experiment_id:
        raise Conflict(f"run {parent.id} is of another experiment than run {run.id}.")
    if _is_ancestor(session, run, parent):
        raise Invalid(f"run {run.id} would be above itself.")
    run.parent_id = parent.id
    session.add(run)
    session.flush()


def _is_ancestor(session: Session, run: Run, other: Run) -> bool:
    """Whether a run is the other one, or above it at any distance."""
    ancestor: Run | None = other
    for _ in range(MAX_ANCESTORS):
        if ancestor is None:
            return False
        if ancestor.id == run.id:
            return True
        ancestor = session.get(Run, ancestor.parent_id) if ancestor.parent_id else None
    return True


def _record(session: Session, store: Store, verb: str, run: Run) -> None:
    # The runs under a run (trials, folds) are part of the one command that started their parent.
    if run.parent_id is None:
        activity.record(session, store, verb, "run", run.id, name=run.name)
