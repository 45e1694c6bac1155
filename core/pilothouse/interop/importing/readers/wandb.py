"""Weights & Biases: a folder with the run files that its client writes."""

from __future__ import annotations

from pathlib import Path

from pilothouse.interop.importing.readers import MAX_LOOKED_AT, readers
from pilothouse.interop.importing.records import ImportSource
from pilothouse.interop.importing.report import ReportBuilder
from pilothouse.interop.importing.sandbox import Sandbox
from pilothouse.interop.importing.wandb.offline_runs import WandbSource, is_wandb_folder
from pilothouse.kit.errors import Invalid


@readers.register("wandb")
class WandbReader:
    """Offline runs, by their `.wandb` files."""

    title = "Weights & Biases"
    description = "Offline runs: config, full history, summary, system load, console and files."
    accepts = "a folder with W&B's offline runs"

    @staticmethod
    def recognises(location: str) -> bool:
        """A folder with a run file in it or below."""
        path = Path(location)
        return path.is_dir() and is_wandb_folder(Sandbox(path), MAX_LOOKED_AT)

    @staticmethod
    def open(location: str, report: ReportBuilder, artifacts: Path | None) -> ImportSource:
        """Open a folder of offline runs."""
        path = Path(location)
        if not path.is_dir() or not is_wandb_folder(Sandbox(path), MAX_LOOKED_AT):
            hint = "Give the folder with `offline-run-…` folders."
            raise Invalid(f"{path} holds no run of W&B.", hint=hint)
        return WandbSource(path, report)
