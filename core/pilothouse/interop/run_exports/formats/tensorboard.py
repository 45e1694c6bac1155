"""TensorBoard: a log folder with an event file for each run."""

from __future__ import annotations

import re
import struct
from datetime import datetime
from pathlib import Path
from typing import Any

from pilothouse.experiments.details import RunInfo
from pilothouse.experiments.tables import FAILED, FINISHED, RUNNING
from pilothouse.interop.exporting.plan import ExportPlan
from pilothouse.interop.importing.coerce import number_text
from pilothouse.interop.importing.file_names import distinct, safe_path
from pilothouse.interop.run_exports.event_file import EventFile, Value
from pilothouse.interop.run_exports.formats import run_formats
from pilothouse.interop.run_exports.run_source import RunSource, RunTotals

STEPS = """    tensorboard --logdir .

A folder for each experiment, and in it one for each run.
"""
CARRIED = (
    "Every point of every metric with its step and its time.",
    "Parameters, status, start and end of runs for the HParams page.",
    "Images (PNG) and texts (Markdown below `text/`) of runs.",
    "Note, id, user, source, commit and tags, as the text `pilothouse/about` of each run.",
)
PRECISION = "Values in double precision: TensorBoard reads them in single precision only."
STATUS = {FINISHED: 1, FAILED: 2, RUNNING: 3}
UNKNOWN = 0
MAX_IMAGE = 16 << 20
PNG = b"\x89PNG\r\n\x1a\n"
MEDIA = re.compile(r"(?:images|text)/(?P<tag>.+)/step-(?P<step>-?\d{1,18})(?:-\d+)?\.(?:png|md)")


@run_formats.register("tensorboard")
class TensorBoardFormat:
    """Event files as TensorFlow 2 writes them."""

    title = "TensorBoard"
    description = "A log folder with scalars, hyperparameters, images and texts."

    @staticmethod
    def left_out(totals: RunTotals) -> tuple[str, ...]:
        """Files of other kinds, datasets, logged models."""
        lines = [PRECISION] if totals.points else []
        lines += [
            "What stands above a run, and whether it was cancelled: event files know no such thing."
        ]
        if others := totals.files - totals.media:
            lines.append(
                f"Files that are neither PNG images nor Markdown below `text/` ({others:,})."
            )
        if totals.inputs:
            lines.append(f"The datasets that runs read ({totals.inputs:,}).")
        if totals.logged_models:
            lines.append(f"Logged models ({totals.logged_models:,}).")
        return tuple(lines)

    @staticmethod
    def plan(source: RunSource, folder: Path) -> ExportPlan:
        """An event file a run."""
        files: dict[str, Any] = {}
        taken: set[str] = set()
        for index, run in enumerate(source.runs()):
            name = safe_path(run.name.replace("/", "_"))
            run_folder = distinct(f"{safe_path(run.experiment)}/{name}", taken)
            taken.add(run_folder)
            if run_folder != f"{run.experiment}/{run.name}":
                source.renamed.append(f"Run {run.id} is in the folder `{run_folder}`.")
            path = folder / str(index)
            began = _seconds(run.started_at or run.created_at)
            with EventFile(path, began) as events:
                _write(source, run, events, began)
            files[f"{run_folder}/events.out.tfevents.{int(began):010d}.pilothouse"] = path
        return ExportPlan(files, CARRIED, steps=STEPS)


def _write(source: RunSource, run: RunInfo, events: EventFile, began: float) -> None:
    ended = _seconds(run.ended_at) if run.ended_at else None
    params = {key: _typed(text) for key, text in run.params.items()}
    events.add_session(params, began, STATUS.get(run.status, UNKNOWN), ended)
    events.add_text("pilothouse/about", _about(run), 0, began)
    for key, points in source.histories(run.id):
        events.add_history(key, points)
    for file in run.artifacts:
        if not is_media(file.path) or file.size > MAX_IMAGE:
            continue
        path = source.file(file.digest)
        if path is not None:
            _add_media(events, file.path, path.read_bytes(), began)


def is_media(path: str) -> bool:
    """Whether a file is an image or a text that TensorBoard shows."""
    return path.endswith(".png") or (path.startswith("text/") and path.endswith(".md"))


def _add_media(events: EventFile, path: str, content: bytes, began: float) -> None:
    """An image or a text under its path, or under the tag and step that its path is made of."""
    match = MEDIA.fullmatch(path)
    tag, step = (match["tag"], int(match["step"])) if match else (path, 0)
    if path.endswith(".md"):
        events.add_text(tag, content.decode("utf-8", "replace"), step, began)
    elif content.startswith(PNG) and len(content) >= 24:
        events.add_image(tag, content, struct.unpack_from(">II", content, 16), step, began)


def _typed(text: str) -> Value:
    """A parameter as a number or a truth where that reads as the same text again."""
    if text in ("True", "False"):
        return text == "True"
    try:
        number = float(text)
    except ValueError:
        return text
    return number if number_text(number) == text else text


def _about(run: RunInfo) -> str:
    facts = {
        "Run": run.name,
        "Experiment": run.experiment,
        "Id": run.id,
        "Status": run.status,
        "User": run.user,
        "Source": run.source,
        "Commit": run.commit,
        "Error": run.error,
        **run.tags,
    }
    rows = (f"| {_cell(name)} | {_cell(str(fact))} |" for name, fact in facts.items() if fact)
    return "\n".join([run.note, "", "| | |", "|---|---|", *rows]).lstrip()


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _seconds(at: datetime) -> float:
    return at.timestamp()
