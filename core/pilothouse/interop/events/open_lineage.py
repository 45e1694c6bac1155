"""OpenLineage: a start and an end of each run, with the data that it read and what it made.

The events follow the published schema 2-0-2 of OpenLineage; nothing of its library is needed.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import version
from typing import Any

import orjson

from pilothouse.interop.events.messages import OutgoingMessage

SCHEMA = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
FACETS = "https://openlineage.io/spec/facets"
PRODUCER = f"urn:pilothouse:{version('pilothouse')}"
START, COMPLETE, FAIL, ABORT = "START", "COMPLETE", "FAIL", "ABORT"


@dataclass(frozen=True)
class LineageDataset:
    """A dataset or a model with the version that was read or made."""

    name: str
    version: str
    columns: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class LineageRun:
    """Work that has ended: `end` is COMPLETE, FAIL or ABORT."""

    id: str
    kind: str
    name: str
    started_at: datetime
    ended_at: datetime
    end: str
    error: str = ""
    inputs: Sequence[LineageDataset] = field(default_factory=tuple)
    outputs: Sequence[LineageDataset] = field(default_factory=tuple)


def events_of(run: LineageRun, namespace: str) -> Iterator[OutgoingMessage]:
    """The two events of a run."""
    yield _event(run, namespace, START, run.started_at)
    yield _event(run, namespace, run.end, run.ended_at)


def _event(run: LineageRun, namespace: str, kind: str, at: datetime) -> OutgoingMessage:
    run_id = str(uuid.UUID(run.id))
    facets: dict[str, Any] = {}
    if kind == FAIL:
        facets["errorMessage"] = _facet(
            "1-0-1/ErrorMessageRunFacet.json#/$defs/ErrorMessageRunFacet",
            message=run.error or "it failed",
            programmingLanguage="python",
        )
    job_type = _facet(
        "2-0-4/JobTypeJobFacet.json#/$defs/JobTypeJobFacet",
        processingType="BATCH",
        integration="PILOTHOUSE",
        jobType=run.kind.upper(),
    )
    event = {
        "eventTime": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "eventType": kind,
        "producer": PRODUCER,
        "schemaURL": SCHEMA,
        "run": {"runId": run_id, "facets": facets},
        "job": {"namespace": namespace, "name": run.name, "facets": {"jobType": job_type}},
        "inputs": [_dataset(item, namespace) for item in run.inputs],
        "outputs": [_dataset(item, namespace) for item in run.outputs] if kind != START else [],
    }
    return OutgoingMessage(f"{run_id}-{kind}", orjson.dumps(event))


def _dataset(dataset: LineageDataset, namespace: str) -> dict[str, Any]:
    facets = {
        "version": _facet(
            "1-0-1/DatasetVersionDatasetFacet.json#/$defs/DatasetVersionDatasetFacet",
            datasetVersion=dataset.version,
        )
    }
    if dataset.columns:
        facets["schema"] = _facet(
            "1-2-0/SchemaDatasetFacet.json#/$defs/SchemaDatasetFacet",
            fields=[{"name": name, "type": kind} for name, kind in dataset.columns],
        )
    return {"namespace": namespace, "name": dataset.name, "facets": facets}


def _facet(schema: str, **values: Any) -> dict[str, Any]:
    return {"_producer": PRODUCER, "_schemaURL": f"{FACETS}/{schema}", **values}
