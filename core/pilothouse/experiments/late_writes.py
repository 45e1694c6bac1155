"""Writes to a run after its end: what a model version depends on is immutable, the rest is audited.

A registered version holds its run and its logged model (`Hold`). From then on the files of the
model cannot change, and after the run's end neither can its other files, its metrics, and the tags
that say on which rows it was evaluated. Whatever clients may still add (another metric, a file
beside the model, a tag, a dataset) is recorded in the audit log, as is every write to an ended run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, or_, select, update
from sqlmodel import Session, col

from pilothouse import activity
from pilothouse.experiments import recording
from pilothouse.experiments.lifecycle import require_open
from pilothouse.experiments.params import ParamValue, param_text
from pilothouse.experiments.tables import (
    ENDED,
    Experiment,
    File,
    Hold,
    LoggedModel,
    Param,
    Run,
    RunArtifact,
    RunTag,
)
from pilothouse.kit.errors import Refused
from pilothouse.storage import Store

AMENDED = "amended"
AFTER_END = "after the run had ended"
PENDING = "LOGGED_MODEL_PENDING"
# Autologging writes this file anew whenever it meets another metric of a run that has ended.
REWRITABLE = frozenset({"metric_info.json"})
EVIDENCE_PREFIX = "training."  # tags in which training says which rows it kept for judging
MAX_LISTED = 20
CHUNK = 500
Values = Mapping[str, Any]


@dataclass(frozen=True)
class LateRun:
    """A run that has ended or that versions depend on, with these versions and their folders."""

    run: str
    name: str
    ended: bool
    versions: tuple[str, ...]
    folders: tuple[tuple[str, str], ...]

    def refuse(self, what: str, version: str = "") -> Refused:
        """The error for changing something that a version depends on."""
        ref = version or self.versions[0]
        return Refused(
            f"the model version {ref} rests on run {self.name!r} ({self.run}): {what}.",
            hint="Log to another run, or delete the version first.",
        )

    def record(self, session: Session, store: Store, before: Values, after: Values) -> None:
        """Record a change in the audit log, when the run has ended."""
        if self.ended and (before or after):
            activity.record(
                session,
                store,
                AMENDED,
                "run",
                self.run,
                name=self.name,
                before=before or None,
                after=after or None,
                reason=AFTER_END,
            )


def late_run(session: Session, run_id: str) -> LateRun | None:
    """The state of a run for late writes; None while it runs and no version holds it."""
    row = session.execute(
        select(col(Run.name), col(Run.status)).where(col(Run.id) == run_id)
    ).first()
    holds = _holds(session, run_id)
    if row is None or (row.status not in ENDED and not holds):
        return None
    closed = tuple(hold.version for hold in holds if hold.closed)
    folders = tuple((hold.folder, hold.version) for hold in holds if hold.folder is not None)
    return LateRun(run_id, row.name, row.status in ENDED or bool(closed), closed, folders)


def _holds(session: Session, owner: str) -> list[Hold]:
    query = select(Hold).where(col(Hold.owner) == owner).order_by(col(Hold.version))
    return list(session.scalars(query))


def first_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """The first of many values, and how many more there are, as the audit log stores them."""
    first, more = dict(list(values.items())[:MAX_LISTED]), len(values) - MAX_LISTED
    return first if more <= 0 else first | {"…": f"{more} more"}


def hold_sources(
    session: Session, version: str, rests_on: Iterable[tuple[str, str | None]]
) -> None:
    """Let a version hold runs and logged models, each with the folder of the version's files.

    A folder of None means that only metrics come from there.
    """
    for owner, folder in rests_on:
        has_files = folder is not None and _paths_below(session, owner, folder)
        run = session.get(Run, owner)
        closed = run is None or run.status in ENDED
        inside = folder if has_files else None
        session.merge(Hold(owner=owner, version=version, folder=inside, closed=closed))
    session.flush()


def held_sources(session: Session, version: str) -> tuple[tuple[str, str | None], ...]:
    """What a version holds, as `hold` takes it: for a copy of the version."""
    query = select(Hold).where(col(Hold.version) == version).order_by(col(Hold.owner))
    return tuple((row.owner, row.folder) for row in session.scalars(query))


def release_sources(session: Session, version: str) -> None:
    """Remove the holds of a deleted version."""
    session.execute(delete(Hold).where(col(Hold.version) == version))


def rename(session: Session, before: str, after: str) -> None:
    """Move the holds of a renamed version."""
    owners = session.scalars(select(col(Hold.owner)).where(col(Hold.version) == before)).all()
    activity.mark_rows(session, Hold, [(owner, after) for owner in owners])
    session.execute(update(Hold).where(col(Hold.version) == before).values(version=after))


def versions_holding(session: Session, owners: Sequence[str]) -> list[str]:
    """The versions that depend on any of these runs and logged models."""
    versions: dict[str, None] = {}
    for start in range(0, len(owners), CHUNK):
        part = owners[start : start + CHUNK]
        query = select(col(Hold.version)).where(col(Hold.owner).in_(part)).distinct()
        versions |= dict.fromkeys(session.scalars(query.order_by(col(Hold.version))))
    return list(versions)


def log_params(
    session: Session, store: Store, run_id: str, params: Mapping[str, ParamValue]
) -> None:
    """Log parameters as `recording.log_params` does, and record late ones."""
    late = late_run(session, run_id)
    new: list[str] = []
    if late is not None:
        query = select(col(Param.key)).where(
            col(Param.run_id) == run_id, col(Param.key).in_(list(params))
        )
        new = sorted(params.keys() - set(session.scalars(query)))
    recording.log_params(session, run_id, params)
    if late is not None and new:
        values = {key: param_text(params[key]) for key in new}
        late.record(session, store, {}, {"params": first_values(values)})


def tags_before(
    session: Session, run_id: str, keys: Iterable[str], late: LateRun, after: Mapping[str, str]
) -> dict[str, str]:
    """The current values of tags that will change. Raises Refused when they are evidence."""
    query = select(RunTag).where(col(RunTag.run_id) == run_id, col(RunTag.key).in_(list(keys)))
    before = {row.key: row.value for row in session.scalars(query)}
    for key in keys:
        if late.versions and key.startswith(EVIDENCE_PREFIX) and before.get(key) != after.get(key):
            raise late.refuse(f"its tag {key!r} stays as it is")
    return {key: value for key, value in before.items() if after.get(key) != value}


def tag(session: Session, store: Store, run_id: str, tags: Mapping[str, str]) -> None:
    """Set tags, as `recording.tag` does."""
    late = late_run(session, run_id)
    before = {} if late is None else tags_before(session, run_id, tags, late, tags)
    recording.tag(session, run_id, tags)
    if late is not None:
        after = {"tags": first_values(tags)}
        late.record(session, store, {"tags": first_values(before)} if before else {}, after)


def untag(session: Session, store: Store, run_id: str, keys: Iterable[str]) -> None:
    """Remove tags, as `recording.untag` does."""
    names, late = list(keys), late_run(session, run_id)
    before = {} if late is None else tags_before(session, run_id, names, late, {})
    recording.untag(session, run_id, names)
    if late is not None and before:
        late.record(session, store, {"tags": first_values(before)}, {})


def log_input(session: Session, store: Store, run_id: str, dataset: str, role: str) -> None:
    """Record that a run read a dataset version, as `recording.log_input` does."""
    late = late_run(session, run_id)
    recording.log_input(session, run_id, dataset, role)
    if late is not None:
        late.record(session, store, {}, {"input": dataset, "role": role})


def log_artifact(
    session: Session, store: Store, run_id: str, path: str, digest: str, size: int
) -> None:
    """Add stored bytes as a file of a run, as `recording.log_artifact` does."""
    late = late_run(session, run_id)
    before = None
    if late is not None:
        row = session.get(RunArtifact, (run_id, recording.artifact_path(path)))
        before = row.digest if row else None
        _check_file(late, path, before, digest)
    recording.log_artifact(session, run_id, path, digest, size)
    if late is not None and before != digest:
        old = {"file": path, "digest": before} if before else {}
        late.record(session, store, old, {"file": path, "digest": digest})


def _check_file(late: LateRun, path: str, before: str | None, after: str) -> None:
    if before == after:
        return
    for folder, version in late.folders:
        if _is_in(path, folder):
            raise late.refuse(f"its file {path!r} stays as it is, and none is added there", version)
    if late.versions and before is not None and path not in REWRITABLE:
        raise late.refuse(f"its file {path!r} stays as it is")


def _is_in(path: str, folder: str) -> bool:
    return not folder or path == folder or path.startswith(f"{folder}/")


def remove_artifacts(session: Session, store: Store, run_id: str, paths: Sequence[str]) -> None:
    """Remove files of a run; missing ones are no error."""
    require_open(session, run_id)
    late = late_run(session, run_id)
    there = _digests(session, RunArtifact, col(RunArtifact.run_id) == run_id, paths)
    if late is not None:
        for path in there:
            held = next((v for folder, v in late.folders if _is_in(path, folder)), "")
            if held or late.versions:
                raise late.refuse(f"its file {path!r} cannot be removed", held)
    _remove(session, RunArtifact, col(RunArtifact.run_id) == run_id, list(there))
    if late is not None and there:
        late.record(session, store, {"files": first_values(there)}, {})


def _digests(session: Session, table: Any, owner: Any, paths: Sequence[str]) -> dict[str, str]:
    digests: dict[str, str] = {}
    for start in range(0, len(paths), CHUNK):
        part = col(table.path).in_(paths[start : start + CHUNK])
        query = select(col(table.path), col(table.digest)).where(owner, part)
        digests.update((row[0], row[1]) for row in session.execute(query))
    return digests


def _remove(session: Session, table: Any, owner: Any, paths: Sequence[str]) -> None:
    for start in range(0, len(paths), CHUNK):
        part = paths[start : start + CHUNK]
        session.execute(delete(table).where(owner, col(table.path).in_(part)))


def log_model_file(
    session: Session, store: Store, model: LoggedModel, path: str, digest: str, size: int
) -> None:
    """Add stored bytes as a file of a logged model. Raises Refused when a version depends on it."""
    row = session.get(File, (model.id, path))
    before = row.digest if row else None
    if before == digest:
        return
    is_new_and_pending = before is None and model.status == PENDING
    if not is_new_and_pending:
        _refuse_held(session, model, path, "stays as it is, and none is added there")
    session.merge(File(root=model.id, path=path, digest=digest, size=size))
    if model.status != PENDING:
        old = {"file": path, "digest": before} if before else {}
        record_model(session, store, model, old, {"file": path, "digest": digest})


def remove_model_files(
    session: Session, store: Store, model: LoggedModel, paths: Sequence[str]
) -> None:
    """Remove files of a logged model. Raises Refused when a version depends on them."""
    there = _digests(session, File, col(File.root) == model.id, paths)
    for path in there:
        _refuse_held(session, model, path, "cannot be removed")
    _remove(session, File, col(File.root) == model.id, list(there))
    if there and model.status != PENDING:
        record_model(session, store, model, {"files": first_values(there)}, {})


def _refuse_held(session: Session, model: LoggedModel, path: str, what: str) -> None:
    for row in _holds(session, model.id):
        if row.folder is not None and _is_in(path, row.folder):
            raise Refused(
                f"the model version {row.version} rests on the logged model {model.id}: its file "
                f"{path!r} {what}.",
                hint="Log another model, or delete the version first.",
            )


def refuse_held_model(session: Session, model: LoggedModel, what: str) -> None:
    """Raise Refused when a version depends on a logged model."""
    for row in _holds(session, model.id)[:1]:
        raise Refused(
            f"the model version {row.version} rests on the logged model {model.id}: {what}.",
            hint="Log another model, or delete the version first.",
        )


def record_model(
    session: Session,
    store: Store,
    model: LoggedModel,
    before: Values,
    after: Values,
    verb: str = AMENDED,
    reason: str = "after the model had been logged",
) -> None:
    """Record a change of a complete logged model in the audit log."""
    kind, ref = "run", model.run_id
    if not ref or session.get(Run, ref) is None:
        number = model.experiment_id
        kind, ref = "experiment", session.get_one(Experiment, number).name

    named: dict[str, Any] = {"logged_model": model.id}
    activity.record(
        session,
        store,
        verb,
        kind,
        ref,
        before={**named, **before},
        after={**named, **after},
        reason=reason,
    )


def _paths_below(session: Session, owner: str, folder: str) -> bool:
    """Whether a run or a logged model has a file in a folder, or the file of that name."""
    for table, of_owner in ((RunArtifact, RunArtifact.run_id), (File, File.root)):
        path: Any = col(table.path)
        inside = or_(path == folder, path.startswith(f"{folder}/", autoescape=True))
        query = select(path).where(col(of_owner) == owner)
        if session.scalars((query.where(inside) if folder else query).limit(1)).first():
            return True
    return False
