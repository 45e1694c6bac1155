"""TensorBoard: a log folder with event files, as TensorFlow, Keras, PyTorch and others write."""

from __future__ import annotations

from pathlib import Path

from pilothouse.interop.importing.readers import MAX_LOOKED_AT, readers
from pilothouse.interop.importing.records import ImportSource
from pilothouse.interop.importing.report import ReportBuilder
from pilothouse.interop.importing.sandbox import Sandbox
from pilothouse.interop.importing.tensorboard.log_folder import TensorBoardSource
from pilothouse.interop.importing.tensorboard.run_folders import is_log_folder
from pilothouse.kit.errors import Invalid


@readers.register("tensorboard")
class TensorBoardReader:
    """Event files as runs, one for each folder."""

    title = "TensorBoard"
    description = "Scalars with their full history, hyperparameters, images and texts."
    accepts = "a log folder with TensorBoard's event files"

    @staticmethod
    def recognises(location: str) -> bool:
        """A folder with an event file in it or below."""
        path = Path(location)
        return path.is_dir() and is_log_folder(Sandbox(path), MAX_LOOKED_AT)

    @staticmethod
    def open(location: str, report: ReportBuilder, artifacts: Path | None) -> ImportSource:
        """Open a log folder."""
        path = Path(location)
        if not path.is_dir():
            raise Invalid(f"{path.name} is no folder.", hint="Give the folder with event files.")
        source = TensorBoardSource(path, report)
        if not source.size():
            raise Invalid(f"{path} holds no event file.", hint="Their names contain `tfevents`.")
        return source
