"""What is known of a version: read from the rows of versions, runs, datasets and evaluations."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlmodel import Session, col, select

from pilothouse.data import versions as data_versions
from pilothouse.data.info import DatasetVersionInfo
from pilothouse.experiments import details
from pilothouse.experiments.details import RunInfo
from pilothouse.experiments.tables import Run, RunArtifact, RunInput
from pilothouse.kit.errors import PilothouseError
from pilothouse.registry import evaluations, measurements, versions
from pilothouse.registry.evaluations import EvaluationInfo
from pilothouse.registry.info import VersionInfo
from pilothouse.registry.tables import ModelVersionOrigin
from pilothouse.storage import Store

MAX_DOCUMENT = 1 << 20  # bytes of an evaluation document
DOCUMENTS = ("confusion.json", "importance.json")
FOLDERS = ("curves/", "evaluation/")
MAX_DOCUMENTS = 12


@dataclass(frozen=True)
class CardEvidence:
    """The facts of a version. What is None or empty is not known.

    `training` is the dataset version that it was trained on; `training_ref` names it also when it
    is not here any more. `data` are the dataset versions of its evaluations by ref. `thresholds` is
    the newest recorded analysis of thresholds by group.
    """

    version: VersionInfo
    run: RunInfo | None = None
    training_ref: str = ""
    training: DatasetVersionInfo | None = None
    evaluations: tuple[EvaluationInfo, ...] = ()
    data: Mapping[str, DatasetVersionInfo] = field(default_factory=dict)
    thresholds: Mapping[str, Any] | None = None

    @property
    def newest(self) -> EvaluationInfo | None:
        """The newest evaluation that has metrics."""
        return next((info for info in self.evaluations if info.metrics), None)

    @property
    def metrics(self) -> Mapping[str, float]:
        """The metrics that describe it: of its training here, else of the newest evaluation."""
        if self.version.metrics and not self.version.import_source:
            return self.version.metrics
        return self.newest.metrics if self.newest else self.version.metrics


def read_evidence(session: Session, model: str, version: int | str) -> CardEvidence:
    """The facts of a version, by its number or an alias. Raises NotFound."""
    info = versions.find(session, model, version)
    run = _run(session, info)
    ref = info.dataset or (_trained_on(session, run.id) if run else "")
    measured = tuple(evaluations.evaluations(session, info.model, info.version))
    refs = {evaluation.dataset for evaluation in measured}
    data = {name: dataset for name in refs if (dataset := _dataset(session, name))}
    row = measurements.newest_of_kind(session, info, measurements.GROUP_THRESHOLDS)
    analysis = None if row is None else row.figures
    return CardEvidence(info, run, ref, _dataset(session, ref), measured, data, analysis)


def read_documents(
    session: Session, store: Store, evidence: CardEvidence
) -> dict[str, Mapping[str, Any]]:
    """The evaluation documents of the run that measured it, by path; those that can be read."""
    run = evidence.version.run_id if not evidence.version.import_source else None
    if run is None and evidence.newest is not None:
        run = evidence.newest.run_id
    query = select(RunArtifact.path, RunArtifact.digest).where(
        RunArtifact.run_id == (run or ""), col(RunArtifact.path).endswith(".json")
    )
    chosen = [
        (path, digest)
        for path, digest in session.exec(query.order_by(RunArtifact.path))
        if path in DOCUMENTS or path.startswith(FOLDERS)
    ]
    documents = ((path, _document(store, digest)) for path, digest in chosen[:MAX_DOCUMENTS])
    return {path: value for path, value in documents if value is not None}


def _document(store: Store, digest: str) -> Mapping[str, Any] | None:
    """A document, or None when it is gone, too large or no JSON object."""
    try:
        if store.artifacts.size(digest) > MAX_DOCUMENT:
            return None
        value = json.loads(store.artifacts.read(digest))
    except (PilothouseError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def _run(session: Session, info: VersionInfo) -> RunInfo | None:
    """The run that made it: of a training here, or of another program where it is stored here."""
    origin = session.get(ModelVersionOrigin, (info.model, info.version))
    run = info.run_id or (origin.run if origin else "")
    return details.run(session, run) if run and session.get(Run, run) is not None else None


def _trained_on(session: Session, run: str) -> str:
    query = select(RunInput.dataset).where(RunInput.run_id == run, RunInput.role == "training")
    return session.exec(query.order_by(RunInput.dataset)).first() or ""


def _dataset(session: Session, ref: str) -> DatasetVersionInfo | None:
    if not ref:
        return None
    try:
        return data_versions.require(session, ref)
    except PilothouseError:  # deleted, or of another workspace
        return None


def names_of(columns: Sequence[str], most: int = 12) -> str:
    """Names in a line, the first ones of many."""
    more = len(columns) - most
    return ", ".join(columns[:most]) + (f" and {more:,} more" if more > 0 else "")
