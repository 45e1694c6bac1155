"""Annotations of runs in bulk: stars, colours, tags and names; archiving and restoring.

Each function checks all runs before it changes one, and is one entry of the audit log. A star and
a colour are tags with reserved keys, so that filters can find them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlmodel import Session, col

from pilothouse import activity
from pilothouse.experiments import keys
from pilothouse.experiments.lifecycle import run_not_found
from pilothouse.experiments.names import check_name
from pilothouse.experiments.params import MAX_VALUE_LENGTH
from pilothouse.experiments.recording import MAX_KEY_LENGTH
from pilothouse.experiments.tables import Run, RunTag
from pilothouse.kit.errors import Conflict, Invalid
from pilothouse.storage import Store

STARRED, COLOUR = "pilothouse.starred", "pilothouse.colour"
COLOURS = ("blue", "orange", "green", "violet", "red", "teal", "amber", "grey")
MAX_RUNS = 1_000

RunNames = dict[str, str]  # run -> its name


def star(session: Session, store: Store, runs: Sequence[str], starred: bool = True) -> int:
    """Star runs, or remove their stars; how many runs."""
    named = _require_open(session, runs)
    before = _replace_tags(session, named, {STARRED: "yes"} if starred else {}, (STARRED,))
    _record(session, store, "starred" if starred else "unstarred", named, before=before)
    return len(named)


def colour(session: Session, store: Store, runs: Sequence[str], colour: str | None) -> int:
    """Give runs a colour, or remove it with None. Raises Invalid for an unknown colour."""
    if colour is not None and colour not in COLOURS:
        raise Invalid(
            f"{colour!r} is not a colour of runs.",
            hint=f"Known: {', '.join(COLOURS)}.",
            fields={"colour": "choose one"},
        )
    named = _require_open(session, runs)
    before = _replace_tags(session, named, {} if colour is None else {COLOUR: colour}, (COLOUR,))
    _record(session, store, "coloured", named, before=before, after={"colour": colour or ""})
    return len(named)


def tag_many(
    session: Session,
    store: Store,
    runs: Sequence[str],
    tags: Mapping[str, str],
    remove: Sequence[str] = (),
) -> int:
    """Set tags on runs, replacing their values, and remove others; how many runs."""
    for key, value in tags.items():
        _check_tag(key, value)
    if not tags and not remove:
        raise Invalid("there is no tag to set or to remove.", fields={"tags": "required"})
    named = _require_open(session, runs)
    before = _replace_tags(session, named, tags, remove)
    after = {"set": dict(tags), "removed": list(remove)}
    _record(session, store, "tagged", named, before=before, after=after)
    return len(named)


def rename(session: Session, store: Store, run: str, name: str) -> None:
    """Rename a run. Raises Invalid when the name is empty or too long."""
    trimmed = check_name(name, "a run's", MAX_KEY_LENGTH)
    old = _require_open(session, [run])[run]
    session.execute(update(Run).where(col(Run.id) == run).values(name=trimmed))
    _record(
        session, store, "renamed", {run: trimmed}, before={"name": old}, after={"name": trimmed}
    )


def archive_many(session: Session, store: Store, runs: Sequence[str], reason: str = "") -> int:
    """Hide runs from tables and counts; how many were not archived already."""
    return _set_archived(session, store, "archived", runs, False, reason)


def restore_many(session: Session, store: Store, runs: Sequence[str]) -> int:
    """Restore archived runs; how many were archived."""
    return _set_archived(session, store, "restored", runs, True, "")


def _set_archived(
    session: Session, store: Store, verb: str, runs: Sequence[str], archived: bool, reason: str
) -> int:
    rows = _rows(session, runs)
    named = {row.id: row.name for row in rows if (row.archived_at is not None) is archived}
    if named:
        at = None if archived else store.now()
        session.execute(update(Run).where(col(Run.id).in_(list(named))).values(archived_at=at))
        _record(session, store, verb, named, reason=reason)
    return len(named)


def _replace_tags(
    session: Session, named: RunNames, tags: Mapping[str, str], remove: Sequence[str]
) -> dict[str, Any] | None:
    """Replace and remove tags; the previous values by run and key, or None."""
    affected = col(RunTag.run_id).in_(list(named)), col(RunTag.key).in_([*tags, *remove])
    before: dict[str, dict[str, str]] = {}
    for run, key, value in session.execute(
        select(col(RunTag.run_id), col(RunTag.key), col(RunTag.value)).where(*affected)
    ):
        before.setdefault(run, {})[key] = value

    session.execute(delete(RunTag).where(*affected))
    rows = [{"run_id": r, "key": k, "value": v} for r in named for k, v in tags.items()]
    if rows:
        session.execute(insert(RunTag), rows)
        for run in named:
            keys.register_keys(session, run, keys.TAG, tags)
    if remove:
        of_them = select(col(Run.experiment_id)).where(col(Run.id).in_(list(named))).distinct()
        keys.drop_keys(session, list(session.scalars(of_them)), {keys.TAG: set(remove)})

    return {"tags": before} if before else None


def _require_open(session: Session, runs: Sequence[str]) -> RunNames:
    """The runs' names. Raises Conflict when one is archived, since archived runs are read-only."""
    rows = _rows(session, runs)
    archived = [row.name for row in rows if row.archived_at is not None]
    if archived:
        raise Conflict(
            f"{_some_names(archived)} {'is' if len(archived) == 1 else 'are'} archived.",
            hint="Restore it first.",
        )
    return {row.id: row.name for row in rows}


def _rows(session: Session, runs: Sequence[str]) -> Sequence[Any]:
    """Id, name and `archived_at` of each run, locked against other writers."""
    ids = list(dict.fromkeys(runs))
    if not 1 <= len(ids) <= MAX_RUNS:
        raise Invalid(
            f"a command is for 1 to {MAX_RUNS:,} runs, not for {len(ids):,}.",
            hint="Narrow the filter, and give the command once for each part.",
        )
    query = select(col(Run.id), col(Run.name), col(Run.archived_at))
    rows = session.execute(query.where(col(Run.id).in_(ids)).with_for_update()).all()
    if missing := set(ids) - {row.id for row in rows}:
        raise run_not_found(min(missing))
    return rows


def _check_tag(key: str, value: str) -> None:
    if not key.strip() or len(key) > MAX_KEY_LENGTH:
        raise Invalid(
            f"a tag's key has 1 to {MAX_KEY_LENGTH} characters.", fields={"key": "required"}
        )
    if len(value) > MAX_VALUE_LENGTH:
        raise Invalid(
            f"a tag's value has at most {MAX_VALUE_LENGTH:,} characters.",
            fields={"value": "too long"},
        )
    if key == COLOUR and value not in COLOURS:
        raise Invalid(f"{value!r} is not a colour of runs.", hint=f"Known: {', '.join(COLOURS)}.")


def _record(
    session: Session,
    store: Store,
    verb: str,
    named: RunNames,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str = "",
) -> None:
    if len(named) > 1:
        after = {"runs": list(named), **(after or {})}

    first, name = next(iter(named.items()))
    activity.record(
        session,
        store,
        verb,
        "run",
        first,
        name=name if len(named) == 1 else f"{name} and {len(named) - 1:,} more",
        before=before,
        after=after,
        reason=reason,
    )


def _some_names(names: Sequence[str]) -> str:
    listed = ", ".join(repr(name) for name in names[:3])
    return listed + (f" and {len(names) - 3:,} more" if len(names) > 3 else "")
