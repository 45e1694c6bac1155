"""Runs over the protocol: started, changed, deleted, restored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pilothouse.experiments import run_annotations, run_changes
from pilothouse.experiments.run_changes import NewRun, TagColumns
from pilothouse.experiments.tables import ENDED, Run
from pilothouse.interop.limits import MAX_KEY_LENGTH, MAX_RUN_TAG_LENGTH
from pilothouse.interop.mlflow import experiments
from pilothouse.interop.mlflow.errors import absent, invalid
from pilothouse.interop.mlflow.metric_batches import check_name
from pilothouse.interop.mlflow.request_fields import Fields
from pilothouse.interop.mlflow.routing import Call, Route, read_route, write_route
from pilothouse.interop.mlflow.run_serialisation import (
    COMMIT,
    NOTE,
    PARENT,
    RUN_NAME,
    SOURCE_NAME,
    STATUS_BY_NAME,
    STATUS_BY_NUMBER,
    find,
    find_active,
    info,
    serialise,
)
from pilothouse.kit import ids
from pilothouse.kit.clock import from_ms

# Tags that are also columns of a run, where screens and searches find them.
TAG_COLUMNS = TagColumns(
    {RUN_NAME: "name", SOURCE_NAME: "source", COMMIT: "commit", NOTE: "note"}, PARENT
)


def run_id_of(fields: Fields) -> str:
    """The run that a request is about, by either of the names that clients use."""
    return fields.text("run_id") or fields.text("run_uuid") or fields.required("run_id")


def _create(call: Call) -> dict[str, Any]:
    fields, session = call.fields, call.session
    tags = tags_of(fields)
    experiment = experiments.find_active(session, fields.text("experiment_id") or "0")
    began = fields.instant_ms("start_time")
    run_id = ids.run_id()
    new = NewRun(
        id=run_id,
        experiment_id=experiment.id or 0,
        name=_name(fields.text("run_name"), tags, run_id),
        created_at=call.store.now(),
        started_at=from_ms(began),
        user=fields.text("user_id"),
    )
    run = run_changes.start(session, call.store, new, tags | {RUN_NAME: new.name}, TAG_COLUMNS)
    serialised = serialise(session, [run])[0]
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
    return {
        r.required("key", max_length=MAX_KEY_LENGTH): r.text("value")[:MAX_RUN_TAG_LENGTH]
        for r in rows
    }


def change_tags(call: Call, run: Run, tags: Mapping[str, str]) -> None:
    """Set tags of an active run; of one that has ended, the activity log says what they were."""
    run_changes.change_tags(call.session, call.store, run, tags, TAG_COLUMNS)


def _get(call: Call) -> dict[str, Any]:
    return {"run": serialise(call.session, [find(call.session, run_id_of(call.fields))])[0]}


def _update(call: Call) -> dict[str, Any]:
    fields, session = call.fields, call.session
    run = find_active(session, run_id_of(fields))
    status = _status(fields) or run.status
    ended_at = run.ended_at if status in ENDED else None
    if fields.has("end_time"):
        ended_at = from_ms(fields.instant_ms("end_time"))
    name = fields.text("run_name")
    run_changes.update(
        session,
        call.store,
        run,
        status=status,
        ended_at=ended_at,
        tags={RUN_NAME: name} if name else {},
        columns=TAG_COLUMNS,
    )
    experiment = experiments.find(session, str(run.experiment_id))
    return {"run_info": info(run, experiments.artifact_root(experiment))}


def _status(fields: Fields) -> str:
    """The requested status; an unknown one changes nothing, as in the protocol."""
    value = fields.enum_text("status")
    return STATUS_BY_NAME.get(value) or STATUS_BY_NUMBER.get(value, "")


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
    run_id, key = run_id_of(fields), fields.required("key")
    check_name(key, "key", "key")
    run = find_active(call.session, run_id)
    change_tags(call, run, {key: fields.text("value")[:MAX_RUN_TAG_LENGTH]})
    return {}


def _delete_tag(call: Call) -> dict[str, Any]:
    run_id, key = run_id_of(call.fields), call.fields.required("key")
    run = find_active(call.session, run_id)
    # A run is never without a name.
    column = "" if key == RUN_NAME else TAG_COLUMNS.names.get(key, "")
    if not run_changes.delete_tag(call.session, call.store, run, key, column):
        raise absent(f"No tag with name: {key} in run with id {run.id}")
    return {}


ROUTES: tuple[Route, ...] = (
    write_route("runs/create", _create),
    read_route("runs/get", _get),
    write_route("runs/update", _update),
    write_route("runs/delete", _delete),
    write_route("runs/restore", _restore),
    write_route("runs/set-tag", _set_tag),
    write_route("runs/delete-tag", _delete_tag),
)
