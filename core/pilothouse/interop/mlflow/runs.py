"""Runs over the protocol: started, changed, deleted, restored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete
from sqlmodel import Session, col

from pilothouse.activity import record
from pilothouse.experiments import keys, late_writes, run_annotations
from pilothouse.experiments.lifecycle import close_holds
from pilothouse.experiments.tables import ENDED, RUNNING, Run, RunTag
from pilothouse.interop.mlflow import experiments
from pilothouse.interop.mlflow.errors import absent, invalid
from pilothouse.interop.mlflow.metric_batches import check_name
from pilothouse.interop.mlflow.request_fields import Fields
from pilothouse.interop.mlflow.routing import Call, Route, reading, writing
from pilothouse.interop.mlflow.run_serialisation import (
    COMMIT,
    NOTE,
    NUMBERED,
    OURS,
    PARENT,
    RUN_NAME,
    SOURCE_NAME,
    described,
    find,
    find_active,
    info,
)
from pilothouse.kit import ids
from pilothouse.kit.clock import from_ms, to_ms
from pilothouse.storage import Store

MAX_KEY_LENGTH, MAX_VALUE_LENGTH = 250, 8000
# What a tag says that we keep in a column of our own.
MIRRORED = {RUN_NAME: "name", SOURCE_NAME: "source", COMMIT: "commit", NOTE: "note"}


def run_id_of(fields: Fields) -> str:
    """The run that a request is about, by either of the names that clients use."""
    return fields.text("run_id") or fields.text("run_uuid") or fields.needed("run_id")


def _create(call: Call) -> dict[str, Any]:
    fields, session = call.fields, call.session
    tags = tags_of(fields)
    experiment = experiments.find_active(session, fields.text("experiment_id") or "0")
    began = fields.instant_ms("start_time")
    run_id = ids.run_id()
    run = Run(
        id=run_id,
        experiment_id=experiment.id or 0,
        name=_name(fields.text("run_name"), tags, run_id),
        status=RUNNING,
        created_at=call.store.now(),
        started_at=from_ms(began),
        user=fields.text("user_id"),
    )
    session.add(run)
    session.flush()
    set_tags(session, run, tags | {RUN_NAME: run.name})
    _note(session, call.store, "started", run)
    serialised = described(session, [run])[0]
    del serialised["outputs"]  # as in the protocol, a new run has said nothing of them
    return {"run": serialised}


def _name(requested: str, tags: Mapping[str, str], run_id: str) -> str:
    tagged = tags.get(RUN_NAME, "")
    if requested and tagged and requested != tagged:
        raise invalid(
            "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different "
            f"values (run_name='{requested}', mlflow.runName='{tagged}')."
        )
    return requested or tagged or ids.run_name(run_id)


def tags_of(fields: Fields) -> dict[str, str]:
    """Tags of a request; a value that is too long is cut, as in the protocol."""
    rows = fields.rows("tags")
    return {r.needed("key", most=MAX_KEY_LENGTH): r.text("value")[:MAX_VALUE_LENGTH] for r in rows}


def set_tags(session: Session, run: Run, tags: Mapping[str, str]) -> None:
    """Set tags of an active run, and the columns in which we keep what some of them say."""
    for key, value in tags.items():
        session.merge(RunTag(run_id=run.id, key=key, value=value))
        if key in MIRRORED:
            setattr(run, MIRRORED[key], value)
        elif key == PARENT:
            _set_parent(session, run, value)
    session.add(run)
    session.flush()
    keys.register_keys(session, run.id, keys.TAG, tags)


def change_tags(call: Call, run: Run, tags: Mapping[str, str]) -> None:
    """Set tags of an active run; of one that has ended, the activity log says what they were."""
    session, over = call.session, late_writes.late_run(call.session, run.id)
    if over is None:
        set_tags(session, run, tags)
        return
    before = late_writes.tags_before(session, run.id, tags, over, tags)
    set_tags(session, run, tags)
    old = {"tags": late_writes.first_values(before)} if before else {}
    over.record(session, call.store, old, {"tags": late_writes.first_values(tags)})


def _set_parent(session: Session, run: Run, parent_id: str) -> None:
    parent = session.get(Run, parent_id)
    if parent is not None and parent.id != run.id and parent.experiment_id == run.experiment_id:
        run.parent_id = parent.id


def _get(call: Call) -> dict[str, Any]:
    return {"run": described(call.session, [find(call.session, run_id_of(call.fields))])[0]}


def _update(call: Call) -> dict[str, Any]:
    fields, session = call.fields, call.session
    run = find_active(session, run_id_of(fields))
    before, ended_at, over = run.status, run.ended_at, late_writes.late_run(session, run.id)
    run.status = _status(fields) or run.status
    if fields.has("end_time"):
        run.ended_at = from_ms(fields.instant_ms("end_time"))
    elif run.status not in ENDED:
        run.ended_at = None
    if name := fields.text("run_name"):
        change_tags(call, run, {RUN_NAME: name})
    session.add(run)
    session.flush()
    if run.status in ENDED:
        close_holds(session, run.id)
    if over is not None and before == run.status and run.ended_at != ended_at:
        instants = [at and to_ms(at) for at in (ended_at, run.ended_at)]
        over.record(session, call.store, {"end_time": instants[0]}, {"end_time": instants[1]})
    if before != run.status:
        _note(session, call.store, "resumed" if run.status == RUNNING else run.status, run)
    experiment = experiments.find(session, str(run.experiment_id))
    return {"run_info": info(run, experiments.artifact_root(experiment))}


def _status(fields: Fields) -> str:
    """The status asked for in our words; what is none changes nothing, as in the protocol."""
    value = fields.word("status")
    return OURS.get(value) or NUMBERED.get(value, "")


def _delete(call: Call) -> dict[str, Any]:
    run = find(call.session, run_id_of(call.fields))
    run_annotations.archive_many(call.session, call.store, [run.id])
    return {}


def _restore(call: Call) -> dict[str, Any]:
    run = find(call.session, run_id_of(call.fields))
    run_annotations.restore_many(call.session, call.store, [run.id])
    return {}


def _set_tag(call: Call) -> dict[str, Any]:
    fields = call.fields
    run_id, key = run_id_of(fields), fields.needed("key")
    check_name(key, "key", "key")
    run = find_active(call.session, run_id)
    change_tags(call, run, {key: fields.text("value")[:MAX_VALUE_LENGTH]})
    return {}


def _delete_tag(call: Call) -> dict[str, Any]:
    run_id, key = run_id_of(call.fields), call.fields.needed("key")
    run = find_active(call.session, run_id)
    over = late_writes.late_run(call.session, run_id)
    before = late_writes.tags_before(call.session, run_id, [key], over, {}) if over else {}
    gone = delete(RunTag).where(col(RunTag.run_id) == run.id, col(RunTag.key) == key)
    if call.session.connection().execute(gone).rowcount == 0:
        raise absent(f"No tag with name: {key} in run with id {run.id}")
    if key in MIRRORED and key != RUN_NAME:  # a run is never without a name
        setattr(run, MIRRORED[key], "")
        call.session.add(run)
    if over is not None:
        over.record(call.session, call.store, {"tags": before}, {})
    return {}


def _note(session: Session, store: Store, verb: str, run: Run) -> None:
    # The runs under a run (trials, folds) are part of the one command that started their parent.
    if run.parent_id is None:
        record(session, store, verb, "run", run.id, name=run.name)


ROUTES: tuple[Route, ...] = (
    writing("runs/create", _create),
    reading("runs/get", _get),
    writing("runs/update", _update),
    writing("runs/delete", _delete),
    writing("runs/restore", _restore),
    writing("runs/set-tag", _set_tag),
    writing("runs/delete-tag", _delete_tag),
)
