"""Importing a history: a dialog with a preview of the source, and the report of the import."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from pilothouse_app.components.dialogs import dialog_buttons, run_or_show_error
from pilothouse_app.components.formats import count, plural, size
from pilothouse_app.components.header import facts
from pilothouse_app.components.links import address, go, link, screen
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.table import (
    name_column,
    number_column,
    status_column,
    table,
    text_column,
    when_column,
)
from pilothouse_app.components.table_height import table_height
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.experiments.watched_folders import watched_folders

if TYPE_CHECKING:
    from pilothouse.interop.importing.report import ImportReport
    from pilothouse.jobs.api import JobInfo

KIND = "import_history"
PREVIEW, UPLOAD = "import_look", "import_uploaded"
PATH, FOLDER, ARCHIVE = "Path or server", "Upload a folder", "Upload an archive"
PLACES = (PATH, FOLDER, ARCHIVE)
MAX_EXPERIMENTS = 200
FEW_LINES, MAX_ITEMS = 6, 5
EXPERIMENT_COLUMNS = {
    "name": name_column("Experiment", width=260),
    "runs": number_column("Runs", 0, width=80),
    "state": text_column("State", width=90),
    "created_at": when_column("Created", width=120),
}
REPORT_COLUMNS = {
    "outcome": status_column("Outcome", width=92),
    "kind": text_column("Kind", width=110),
    "name": text_column("Name", width=360),
    "why": text_column("Reason"),
}
NOUNS = {
    "experiments": "experiment",
    "runs": "run",
    "points": "point",
    "files": "file",
    "logged_models": "logged model",
    "models": "registered model",
    "versions": "version",
}


def import_button(*, key: str = "import") -> None:
    """The button that opens the dialog."""
    if st.button("Import", icon=":material/move_to_inbox:", key=key):
        st.session_state.pop(PREVIEW, None)
        st.session_state.pop(UPLOAD, None)
        _import()


@st.dialog("Import", width="large", icon=":material/move_to_inbox:")
def _import() -> None:
    st.markdown(
        "Imports the runs of another tracker with their full history and files, from MLflow also "
        "logged models and the model registry. Runs imported earlier are skipped. Nothing is "
        "written until you start."
    )
    source, tracker = _source_input()
    preview = _current_preview(source, tracker)
    chosen, into, watch = list[str](), "", False
    if preview is not None:
        _draw_preview(preview)
        chosen, into = _choices(preview)
        watch = preview["kind"] == "folder" and _place() == PATH and _watch_choice()
    missing = "" if preview else "Preview the source first"
    if dialog_buttons("Watch" if watch else "Import", "import", missing=missing):
        start = _watch if watch else _start
        run_or_show_error(lambda: start(source, tracker, chosen, into))
    watched_folders()


def _place() -> str:
    return str(st.session_state.get("import_place") or PATH)


def _source_input() -> tuple[str, str]:
    """The path or address, and the tracker when it was chosen."""
    st.segmented_control(
        "Where it is", PLACES, default=PATH, required=True, key="import_place",
        label_visibility="collapsed",
    )  # fmt: skip
    if _place() == PATH:
        return _typed_source()
    source = _uploaded()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        return source, _tracker_and_preview(source)


def _uploaded() -> str:
    """Where the files lie that were dropped, once they are there; empty until then."""
    as_folder = _place() == FOLDER
    uploads = st.file_uploader(
        "Folder" if as_folder else "Archive",
        type=None if as_folder else ["zip", "tar", "gz", "tgz", "bz2", "xz"],
        accept_multiple_files="directory" if as_folder else False,
        help="What a training wrote, with all that is below it."
        if as_folder
        else "A zip or tar archive of such a folder, or an offline archive of Comet.",
        key=f"import_upload_{as_folder}",
    )
    files = list(uploads or []) if isinstance(uploads, list) else [uploads] if uploads else []
    if not files:
        return ""
    identity = tuple(file.file_id for file in files)
    if st.session_state.get(UPLOAD, ((), ""))[0] != identity:
        st.session_state[UPLOAD] = (identity, "")

        def keep() -> None:
            content = {file.name: file.getvalue() for file in files}
            st.session_state[UPLOAD] = (identity, workspace().imports.upload(content))

        run_or_show_error(keep)
    return str(st.session_state[UPLOAD][1])


def _tracker_and_preview(source: str) -> str:
    """The tracker that was chosen, and the button that reads the source."""
    trackers = workspace().imports.trackers()
    chosen = str(
        st.selectbox(
            "Tracker",
            ["", *trackers],
            format_func=lambda name: trackers[name].title if name else "Recognised",
            help="By its content, unless you choose. Choose when a folder holds several.",
            width=170,
            key="import_tracker",
        )
    )
    if st.button("Preview", icon=":material/search:", disabled=not source, key="import_look_go"):
        st.session_state.pop(PREVIEW, None)
        with st.spinner("Reading the source"):
            run_or_show_error(lambda: _read_preview(source, chosen))
    return chosen


def _typed_source() -> tuple[str, str]:
    trackers = workspace().imports.trackers()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        typed = st.text_input(
            "Folder, file or server",
            placeholder="/data/mlruns, /data/runs or https://mlflow.example.org",
            help="A path on the machine that Pilothouse runs on: "
            f"{'; '.join(tracker.accepts for tracker in trackers.values())}. For a server, the "
            "worker takes MLFLOW_TRACKING_USERNAME, _PASSWORD or _TOKEN from its environment.",
            live=True,
            key="import_source",
        )
        source = (typed or "").strip()
        return source, _tracker_and_preview(source)


def _read_preview(source: str, tracker: str) -> None:
    preview = workspace().imports.preview(source, tracker=tracker)
    st.session_state[PREVIEW] = (source, tracker, preview.to_json())


def _current_preview(source: str, tracker: str) -> Mapping[str, Any] | None:
    """The preview of this source by this reader, if one was read."""
    *previewed, preview = st.session_state.get(PREVIEW, ("", "", None))
    return preview if previewed == [source, tracker] else None


def _draw_preview(preview: Mapping[str, Any]) -> None:
    experiments = preview["experiments"]
    facts(
        {
            "Source": f"{preview['tracker']}: a {preview['kind']}, "
            f"{literal(preview['written_by'])}",
            "": _counts_text({"runs": preview["runs"], "models": preview["models"]}),
            "Files": size(preview["bytes"]) if preview["bytes"] is not None else "",
            "Already imported": plural(preview["known_runs"], "run")
            if preview["known_runs"]
            else "",
        }
    )

    if not experiments:
        st.markdown(":gray[The source has no experiments.]")
        return

    rows = [
        {**experiment, "state": "deleted" if experiment["deleted"] else "active"}
        for experiment in experiments[:MAX_EXPERIMENTS]
    ]
    frame = pd.DataFrame(rows)
    frame["runs"] = frame["runs"].astype("Int64")
    height: Any = "content" if len(frame) <= FEW_LINES else 34 + 30 * FEW_LINES

    table(frame, EXPERIMENT_COLUMNS, key="import_found", alt="What the source holds", height=height)
    others = (f"{noun} ({count(number)})" for noun, number in preview["others"].items())
    faults = (f"{line['kind']} {line['name']}: {line['why']}" for line in preview["faults"])
    for label, items in (("Not imported", others), ("Cannot be read", faults)):
        if listed := list(islice(items, MAX_ITEMS)):
            st.markdown(f":gray[{label}: {literal(', '.join(listed))}]")


def _choices(preview: Mapping[str, Any]) -> tuple[list[str], str]:
    left, right = st.columns(2)
    with left:
        names = [experiment["name"] for experiment in preview["experiments"]]
        chosen = st.multiselect(
            "Experiments", names, placeholder="All of them", key="import_experiments"
        )

    with right:
        into = st.text_input(
            "Prefix",
            placeholder="None: names are kept",
            help="With `old`, `search` becomes `old/search`. Runs of an existing "
            "experiment are added to it.",
            key="import_into",
        )

    return list(chosen), (into or "").strip()


def _start(source: str, tracker: str, experiments: list[str], into: str) -> None:
    job = workspace().imports.start(source, experiments=experiments, prefix=into, tracker=tracker)
    toast_next("Import started")
    go(address("job", job))


def _watch_choice() -> bool:
    return st.toggle(
        "Watch this folder",
        help="The worker looks at it every half minute and imports what is new, so that a training "
        "that still writes there appears while it runs.",
        key="import_watch",
    )


def _watch(source: str, tracker: str, experiments: list[str], into: str) -> None:
    workspace().imports.watch(source, experiments=experiments, prefix=into, tracker=tracker)
    toast_next("The folder is watched")
    st.rerun()


def is_import(job: JobInfo) -> bool:
    """Whether a job is an import, whose page shows its report."""
    return job.kind == KIND


def import_report(job: JobInfo) -> None:
    """What was imported, what existed, and a line for each item that was changed or skipped."""
    if job.result is None:
        status = "No report was written." if job.ended else "The report appears when it has ended."
        st.markdown(f":gray[{status} Data imported so far is kept.]")
        return

    report = workspace().imports.report(job.id)
    sections = {
        "Imported": _counts_text(report.imported),
        "Updated": _counts_text(report.changed),
        "Already imported": _counts_text(report.already_imported),
    }

    for label, counts in sections.items():
        if counts:
            st.markdown(f":gray[{label}] &nbsp;{counts}")
    if not any(sections.values()):
        st.markdown("There was nothing to import.")
    link(screen("experiments"), "Open experiments", icon=":material/science:")
    _lines(report)


def _lines(report: ImportReport) -> None:
    if not report.lines:
        st.markdown(":gray[Everything was imported unchanged.]")
        return

    lines = report.frame()
    with table_height("import_lines", len(lines), reserve=19) as height:
        table(
            lines,
            REPORT_COLUMNS,
            key="import_lines",
            alt="Items that were changed or skipped",
            height=height,
        )
    if report.lines_omitted:
        st.markdown(f":gray[and {plural(report.lines_omitted, 'line')} more]")


def _counts_text(counts: Mapping[str, int | None]) -> str:
    parts = []
    for key, noun in NOUNS.items():
        number = counts.get(key)
        if number:
            parts.append(plural(number, noun))
    return ", ".join(parts)
