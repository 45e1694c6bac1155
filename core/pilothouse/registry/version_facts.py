"""Facts of a version for its gates that need no measurement: its files, ages, and rivals."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlmodel import Session, col, func, select

from pilothouse.data import versions as data_versions
from pilothouse.experiments import trusted_models
from pilothouse.experiments.tables import Run, RunArtifact, RunTag
from pilothouse.kit.errors import NotFound, PilothouseError
from pilothouse.models.answers import HELD_OUT_TAG
from pilothouse.registry import code_audit, evaluations, trust
from pilothouse.registry.evidence import AgeFact, ArtifactFact
from pilothouse.registry.info import VersionInfo
from pilothouse.storage import Store

DAY_SECONDS = 86_400
WRITTEN_HERE = "written by a training here"


def artifact(session: Session, store: Store, version: VersionInfo) -> ArtifactFact:
    """The size of a version's files and what loading them runs; files are not read."""
    if trusted_models.is_written(session, version.digest):
        return ArtifactFact(_size(session, store, version), WRITTEN_HERE)
    audit = None if version.package is None else code_audit.find(session, version.package)
    if version.package is not None and audit is None:
        return ArtifactFact(_size(session, store, version))
    refused = trust.reason_against(session, store, version)
    return ArtifactFact(_size(session, store, version), audit.badge if audit else "", refused)


def _size(session: Session, store: Store, version: VersionInfo) -> int | None:
    if version.package is None:
        query = select(RunArtifact.size).where(RunArtifact.digest == version.digest)
        if (size := session.exec(query).first()) is not None:
            return int(size)
    digests = [version.digest] if version.package is None else version.package.files.values()
    try:
        return sum(store.artifacts.size(digest) for digest in digests)
    except PilothouseError:
        return None


def age(session: Session, version: VersionInfo, now: datetime) -> AgeFact:
    """Days since the newest event of the training's data and since the newest measurement."""
    measured = [info.created_at for info in
                evaluations.evaluations(session, version.model, version.version)
                if info.metrics]  # fmt: skip
    run = session.get(Run, version.run_id) if version.run_id else None
    if run is not None and run.ended_at is not None and version.metrics:
        measured.append(run.ended_at)
    newest = max(measured, default=None)
    return AgeFact(_days(_newest_row(session, version.dataset), now), _days(newest, now))


def _newest_row(session: Session, dataset: str) -> datetime | None:
    """The newest event of a dataset version, else when it was registered; None without one."""
    try:
        row = data_versions.row(session, dataset) if dataset else None
    except NotFound:
        return None
    return None if row is None else newest_event(session, dataset) or row.created_at


def newest_event(session: Session, dataset: str) -> datetime | None:
    """The newest event time of a dataset version; None when its rows have none."""
    try:
        row = data_versions.row(session, dataset) if dataset else None
    except NotFound:
        return None
    if row is None:
        return None
    event_time = data_versions.info(row).event_time
    for profile in data_versions.column_profiles(row):
        if profile.name == event_time and profile.type == "time" and profile.quantiles:
            newest = profile.quantiles[max(profile.quantiles)]
            return datetime.fromtimestamp(newest / 1000, UTC)
    return None


def _days(at: datetime | None, now: datetime) -> float | None:
    """Whole days that have passed, so that the evidence of one day is the same."""
    return None if at is None else float(max(int((now - at).total_seconds() // DAY_SECONDS), 0))


def candidates(session: Session, version: VersionInfo, champion: VersionInfo | None) -> int:
    """How many runs, the champion's aside, held out the same rows: they were compared on them."""
    if not version.held_out:
        return 1
    query = select(func.count(col(RunTag.run_id))).where(
        RunTag.key == HELD_OUT_TAG, RunTag.value == version.held_out
    )
    is_among_them = champion is not None and champion.held_out == version.held_out
    return max(int(session.exec(query).one()) - is_among_them, 1)
