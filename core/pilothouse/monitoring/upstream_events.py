"""What happened upstream before a change: deployments, data versions, promotions, retrainings.

Read from the activity log by its own clock, and from the versions that answered each window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from sqlmodel import Session, col, or_, select

from pilothouse.activity.tables import ActivityEntry
from pilothouse.experiments.tables import RunInput
from pilothouse.monitoring.past_windows import PastWindow
from pilothouse.registry.tables import ModelVersion

DEPLOYMENT, DATA, MODEL, RETRAINING = "deployment", "data", "model", "retraining"
RETRAIN_JOB = "retrain"
# By kind and verb of the activity log: the kind of event, and how it is put in a sentence.
EVENTS = {
    ("deployment", "launched"): (DEPLOYMENT, "the deployment was launched"),
    ("deployment", "swapped"): (DEPLOYMENT, "another version was deployed"),
    ("deployment", "rolled out"): (DEPLOYMENT, "another version was deployed"),
    ("deployment", "rolled back"): (DEPLOYMENT, "the deployment was rolled back"),
    ("deployment", "resumed"): (DEPLOYMENT, "the deployment was resumed"),
    ("dataset", "registered"): (DATA, "a version of the data was registered"),
    ("dataset", "edited the contract of"): (DATA, "the contract of the data was changed"),
    ("version", "promoted"): (MODEL, "a version was promoted"),
    ("job", "submitted"): (RETRAINING, "a retraining was started"),
}


@dataclass(frozen=True)
class UpstreamEvent:
    """One event: `kind` is deployment, data, model or retraining; `object_kind` and `ref` are the
    address of its object, `text` says it within a sentence."""

    at: datetime
    kind: str
    object_kind: str
    ref: str
    text: str
    by: str = ""


def events_between(
    session: Session, deployment: str, model: str, since: datetime, until: datetime
) -> list[UpstreamEvent]:
    """The events that concern a deployment from `since` up to, and without, `until`.

    Data is that of any run whose model became a version of the model. Oldest first.
    """
    datasets = _datasets(session, model)
    entry = ActivityEntry
    query = select(ActivityEntry).where(
        col(entry.at) >= since,
        col(entry.at) < until,
        or_(
            (col(entry.kind) == "deployment") & (col(entry.ref) == deployment),
            col(entry.kind) == "dataset",
            (col(entry.kind) == "version")
            & col(entry.ref).startswith(f"{model}@", autoescape=True),
            (col(entry.kind) == "job") & (col(entry.name) == f"Retrain {deployment}"),
        ),
        col(entry.verb).in_({verb for _, verb in EVENTS}),
    )
    entries = session.exec(query.order_by(col(ActivityEntry.seq)))
    events = [_event(entry) for entry in entries if _concerns(entry, datasets)]
    return [event for event in events if event is not None]


def version_changes(windows: Sequence[PastWindow]) -> list[UpstreamEvent]:
    """The windows that another version answered than the one before; windows come oldest first.

    These are in event time, so that they are right for predictions that were sent in later.
    """
    changes = []
    for before, after in pairwise(windows):
        if (before.model, before.version) == (after.model, after.version):
            continue
        text = f"version {after.version} began to answer"
        ref = f"{after.model}@{after.version}"
        changes.append(UpstreamEvent(after.start, DEPLOYMENT, "version", ref, text))
    return changes


def _datasets(session: Session, model: str) -> set[str]:
    """The names of the datasets that versions of a model were trained on."""
    query = (
        select(RunInput.dataset)
        .join(ModelVersion, col(ModelVersion.run_id) == col(RunInput.run_id))
        .where(ModelVersion.model == model)
        .distinct()
    )
    return {dataset.rpartition("@")[0] for dataset in session.exec(query)}


def _concerns(entry: ActivityEntry, datasets: set[str]) -> bool:
    if entry.kind == "dataset":
        return entry.ref.rpartition("@")[0] in datasets
    if entry.kind == "job":
        return (entry.after or {}).get("kind") == RETRAIN_JOB
    return True


def _event(entry: ActivityEntry) -> UpstreamEvent | None:
    if (entry.kind, entry.verb) not in EVENTS:
        return None
    kind, text = EVENTS[entry.kind, entry.verb]
    version = (entry.after or {}).get("version")
    if kind == DEPLOYMENT and version:
        text = f"{text} ({version})"
    elif kind in (DATA, MODEL):
        text = f"{text} ({entry.ref})"
    return UpstreamEvent(entry.at, kind, entry.kind, entry.ref, text, entry.actor)
