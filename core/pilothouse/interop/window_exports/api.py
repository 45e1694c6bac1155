"""Windows and predictions for other monitoring systems, as screens and commands use them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.util import find_spec
from typing import TYPE_CHECKING

from pilothouse.activity import record
from pilothouse.kit.errors import Invalid, NotFound, Refused
from pilothouse.storage.service import Service

if TYPE_CHECKING:
    import pandas as pd

EXPORTED = "exported"


@dataclass(frozen=True)
class WindowOffers:
    """Why a window has no export to each system; empty where it has one."""

    whylogs: str
    arize: str


class WindowExports(Service):
    """Exports of what deployments answered."""

    def window_offers(self, window: str) -> WindowOffers:
        """What a window can be exported to, and why not to the others. Raises NotFound."""
        from pilothouse.deployments import commands
        from pilothouse.interop.window_exports.whylogs_profiles import EXTRA, PACKAGE
        from pilothouse.monitoring import window_store
        from pilothouse.monitoring.evidently_report import measures

        whylogs = arize = ""
        if find_spec(PACKAGE) is None:
            whylogs = (
                f"They need the package {PACKAGE}, which is not installed here. It comes with: "
                f'pip install "{EXTRA}".'
            )
        with self._store.read() as session:
            row = window_store.require(session, window)
            signature = commands.signature_of(session, row.deployment, row.model, row.version)
        if not measures(signature):
            arize = "Arize has no place for answers that are neither a number nor one class."
        return WindowOffers(whylogs, arize)

    def whylogs_profiles(self, window: str) -> bytes:
        """A zip with the profiles of a window's rows and of its reference's, as whylogs reads them.

        Categories of personal data have names that stand for them, numbers of it are left out.

        Raises NotFound, Conflict for a window whose rows were deleted, Unavailable without the
        library, naming the extra.
        """
        from pilothouse.interop.window_exports.whylogs_profiles import profile_of, require_whylogs
        from pilothouse.monitoring import window_store
        from pilothouse.monitoring.evidently_report import window_sides

        with self._store.read() as session:
            window_store.require(session, window)
        require_whylogs()
        sides = window_sides(self._store, window)
        files = {
            f"{name}.bin": profile_of(_plain(frame), sides.window.start)
            for name, frame in (("window", sides.current), ("reference", sides.reference))
            if len(frame)
        }
        with self._store.write() as session:
            about = {"target": "whylogs", "rows": len(sides.current)}
            record(session, self._store, EXPORTED, "window", window, after=about)
        return _zipped(files)

    def arize_files(
        self, deployment: str, start: datetime | None = None, end: datetime | None = None
    ) -> bytes:
        """A zip with predictions and labels in Arize's tabular schema, a folder for each version.

        Personal data is masked. `start` and `end` bound the time of the event. Raises NotFound,
        Invalid for an empty period, Refused for answers that are neither a number nor one class.
        """
        from pilothouse.interop.window_exports.arize_files import files_of, refusal
        from pilothouse.interop.window_exports.logged_predictions import by_version

        _check_period(start, end)
        files: dict[str, bytes] = {}
        rows = 0
        for part in by_version(self._store, deployment, start, end):
            if reason := refusal(part.frame):
                raise Refused(f"{part.ref} cannot be exported to Arize: {reason}.")
            own = files_of(part.frame, part.signature, part.model, part.version)
            files |= {f"{part.model}-{part.version}/{name}": body for name, body in own.items()}
            rows += len(part.frame)
        if not files:
            raise NotFound(f"{deployment!r} logged no predictions in this period.")
        with self._store.write() as session:
            about = {"target": "arize", "rows": rows}
            record(session, self._store, EXPORTED, "deployment", deployment, after=about)
        return _zipped(files)

    def openinference_spans(
        self, deployment: str, start: datetime | None = None, end: datetime | None = None
    ) -> bytes:
        """A zip with predictions as spans of OpenInference, and with the labels that have come.

        A label names its span by an id that is the same in each export. Personal data is masked.
        `start` and `end` bound the time of the event. Raises NotFound, Invalid for an empty period.
        """
        from pilothouse.interop.window_exports.logged_predictions import answered_rows
        from pilothouse.interop.window_exports.openinference_spans import files_of

        _check_period(start, end)
        rows = answered_rows(self._store, deployment, start, end)
        if not rows:
            raise NotFound(f"{deployment!r} logged no predictions in this period.")
        with self._store.write() as session:
            about = {"target": "openinference", "rows": len(rows)}
            record(session, self._store, EXPORTED, "deployment", deployment, after=about)
        return _zipped(files_of(rows, deployment))


def _check_period(start: datetime | None, end: datetime | None) -> None:
    if start is not None and end is not None and start >= end:
        raise Invalid("the period is empty.", fields={"end": "must be later than the start"})


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Columns of numbers as they are, all others as texts, which a Parquet file holds."""
    texts = {str(name): frame[name].astype("string") for name in frame
             if frame[name].dtype == object}  # fmt: skip
    return frame.assign(**texts)


def _zipped(files: Mapping[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return content.getvalue()
