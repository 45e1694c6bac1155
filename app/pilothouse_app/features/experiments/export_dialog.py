"""Exporting runs: the choice of a format, what it has no place for, and the file or the job."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from pilothouse.kit.errors import PilothouseError
from pilothouse_app.components.dialogs import run_or_show_error
from pilothouse_app.components.errors import error_box
from pilothouse_app.components.formats import count, plural, size
from pilothouse_app.components.header import facts
from pilothouse_app.components.links import address, go
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace

if TYPE_CHECKING:
    from pilothouse.interop.run_exports.run_source import RunTotals
    from pilothouse.jobs.api import JobInfo

KIND = "export_runs"
AT_ONCE_POINTS = 200_000  # of an export that is written while somebody waits
AT_ONCE_BYTES = 64 << 20
AT_ONCE_RUNS = 1_000
MAX_DOWNLOAD = 256 << 20  # bytes that a browser gets at once
MAX_NOTES = 20


def export_form(runs: Sequence[str], experiments: Sequence[str]) -> None:
    """Choose a format for these runs, read what is left out, download."""
    exports = workspace().run_exports
    formats = exports.formats()
    format = st.segmented_control(
        "Format",
        list(formats),
        default=next(iter(formats)),
        required=True,
        format_func=lambda name: formats[name].title,
        key="export_runs_format",
    )
    if not runs and not experiments:
        st.markdown(":gray[Choose runs or an experiment.]")
        return
    try:
        preview = exports.preview(str(format), runs=runs, experiments=experiments)
    except PilothouseError as refused:
        error_box(refused)
        return
    st.markdown(f":gray[{preview.description}]")
    st.markdown(f"**In it**: {_totals(preview.totals)}")
    _lines("Not in it", preview.left_out)
    if _is_quick(preview.totals):
        _download_now(str(format), runs, experiments)
    elif st.button("Write it as a job", type="primary", key="export_runs_start"):
        run_or_show_error(lambda: _start(str(format), runs, experiments))
    st.markdown(":gray[An export is an entry of the activity log, with the digest of the file.]")


def _is_quick(totals: RunTotals) -> bool:
    return (
        totals.runs <= AT_ONCE_RUNS
        and totals.points <= AT_ONCE_POINTS
        and totals.bytes <= AT_ONCE_BYTES
    )


def _download_now(format: str, runs: Sequence[str], experiments: Sequence[str]) -> None:
    def make() -> bytes:
        with tempfile.TemporaryDirectory(prefix="pilothouse-runs-") as folder:
            path = Path(folder) / "runs.zip"
            workspace().run_exports.write(format, path, runs=runs, experiments=experiments)
            return path.read_bytes()

    st.download_button(
        "Download",
        make,
        f"runs-{format}.zip",
        "application/zip",
        type="primary",
        icon=":material/download:",
        key="export_runs_download",
        on_click="ignore",
    )


def _start(format: str, runs: Sequence[str], experiments: Sequence[str]) -> None:
    job = workspace().run_exports.start(format, runs=runs, experiments=experiments)
    toast_next("The export was started")
    go(address("job", job))


def is_run_export(job: JobInfo) -> bool:
    """Whether a job is an export of runs, whose page offers its file."""
    return job.kind == KIND


def run_export_report(job: JobInfo) -> None:
    """The file of an export, what it has and what it has not."""
    if job.result is None:
        status = "No file was written." if job.ended else "The file is there when it has ended."
        st.markdown(f":gray[{status}]")
        return
    try:
        written = workspace().run_exports.written(job.id)
    except PilothouseError as gone:
        error_box(gone)
        return
    facts(
        {
            "Format": written.title,
            "In it": _totals(written.totals),
            "File": f"`{literal(str(written.path))}`, {size(written.bytes)}",
            "SHA-256": f"`{written.sha256}`",
        }
    )
    if written.bytes <= MAX_DOWNLOAD:
        st.download_button(
            "Download",
            written.path.read_bytes,
            f"runs-{written.format}.zip",
            "application/zip",
            type="primary",
            icon=":material/download:",
            key="export_runs_kept",
            on_click="ignore",
        )
    _lines("Not in it", written.left_out)
    _lines("Changed on the way", written.notes)
    st.markdown(":gray[The file stays for a week.]")


def _totals(totals: RunTotals) -> str:
    parts = [plural(totals.runs, "run"), plural(totals.points, "point")]
    if totals.files:
        parts.append(f"{plural(totals.files, 'file')} ({size(totals.bytes)})")
    if totals.logged_models:
        parts.append(plural(totals.logged_models, "logged model"))
    return ", ".join(parts)


def _lines(heading: str, lines: Sequence[str]) -> None:
    if not lines:
        return
    listed = [f"- {literal(line)}" for line in lines[:MAX_NOTES]]
    if len(lines) > MAX_NOTES:
        listed.append(f"- and {count(len(lines) - MAX_NOTES)} more, in NOTES.md of the file")
    st.markdown(f"**{heading}**\n\n" + "\n".join(listed))
