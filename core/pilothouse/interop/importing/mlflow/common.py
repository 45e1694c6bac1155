"""What the readers of MLflow's stores share: statuses, tags, and how sources are resolved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlmodel import Session

from pilothouse.experiments.tables import CANCELLED, FAILED, FINISHED, QUEUED, RUNNING
from pilothouse.interop.importing.coerce import text, text_mapping
from pilothouse.interop.importing.records import VersionRecord
from pilothouse.interop.importing.sandbox import Sandbox, local_path
from pilothouse.interop.mlflow import sources
from pilothouse.interop.mlflow.runs import TAG_COLUMNS
from pilothouse.interop.model_source import ModelSource
from pilothouse.kit.errors import PilothouseError

ARTIFACT_SCHEME = "mlflow-artifacts"
STATUS = {
    **dict.fromkeys(("RUNNING", "1"), RUNNING),
    **dict.fromkeys(("SCHEDULED", "2"), QUEUED),
    **dict.fromkeys(("FINISHED", "3"), FINISHED),
    **dict.fromkeys(("FAILED", "4"), FAILED),
    **dict.fromkeys(("KILLED", "5"), CANCELLED),
}


class MlflowStore:
    """What every store of MLflow has: its name, its tags, and the form of its sources."""

    tracker = "MLflow"
    tag_columns = TAG_COLUMNS

    def resolve(self, session: Session, version: VersionRecord) -> ModelSource | None:
        """Where a version's files are among those that were imported; None when they are not."""
        for source, run_id, model_id in _candidate_sources(version):
            try:
                resolved = sources.resolve(session, source, run_id, model_id)
            except PilothouseError:
                continue
            if resolved.files:
                return resolved
        return None


def _candidate_sources(version: VersionRecord) -> list[tuple[str, str, str]]:
    """The sources under which a version's files may be found here, with run and model ids."""
    run, model = version.run_id, version.model_id
    candidates: list[tuple[str, str, str]] = []
    if model:
        _, _, inside = version.source.partition(f"{model}/")
        names_model = version.source.startswith("models:/")
        candidates.append(
            (f"models:/{model}/{inside if names_model else ''}".rstrip("/"), run, model)
        )
    if run and run in version.source:
        _, _, inside = (local_path(version.source, ARTIFACT_SCHEME) or version.source).partition(
            f"{run}/"
        )
        inside = inside.removeprefix("artifacts/") if "://" not in inside else ""
        candidates.append((f"runs:/{run}/{inside}".rstrip("/"), run, ""))
    return candidates


def sandbox(folder: Path) -> Sandbox:
    """A folder with MLflow's artifacts, wherever in it MLflow put them."""
    return Sandbox(folder, schemes=(ARTIFACT_SCHEME,), prefixes=("", "mlartifacts/", "mlruns/"))


def status(value: Any) -> str:
    """A run's status by MLflow's word or number; empty for anything else."""
    return STATUS.get(text(value), "")


def is_prompt(tags: Any) -> bool:
    """Whether a registered model is a prompt, by its tags."""
    return text_mapping(tags).get("mlflow.prompt.is_prompt", "").lower() == "true"
