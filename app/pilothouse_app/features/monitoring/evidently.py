"""Evidently on a page: export windows as its workspace, and its snapshots beside ours."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from pilothouse.kit.errors import PilothouseError
from pilothouse.monitoring.check_titles import check_title
from pilothouse.monitoring.windows import zone_named
from pilothouse_app.components.confirm import confirm
from pilothouse_app.components.dialogs import dialog_buttons, run_or_show_error
from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.errors import error_box
from pilothouse_app.components.formats import ago, plural
from pilothouse_app.components.header import section
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.table import (
    bytes_column,
    name_column,
    number_column,
    status_column,
    table,
    text_column,
    when_column,
)
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pilothouse.monitoring.evidently_workspace.exports import EvidentlyExportInfo
    from pilothouse.monitoring.evidently_workspace.imports import SnapshotImport

REPORT = "evidently_import"
SHOWN_EXPORTS = 5
EXPORTS = {
    "title": name_column("Export", width=190),
    "status": status_column(width=104),
    "windows": number_column("Windows", 0, width=90),
    "from": text_column("From", width=110),
    "to": text_column("To", width=110),
    "bytes": bytes_column("Size"),
    "requested_by": text_column("Requested by", width=120),
}
SNAPSHOTS = {
    "title": name_column("Snapshot", width=200),
    "at": when_column("Time (UTC)", relative=False, width=150),
    "project": text_column("Project", width=150),
    "columns": number_column("Columns", 0, width=84, help="Whose drift it has"),
    "drifted": number_column("Drifted", 0, width=80),
    "failed": number_column("Failed", 0, width=76, help="Figures that Evidently failed"),
    "figures": number_column("Figures", 0, width=80),
    "tags": text_column("Tags", width=120),
}
FIGURES = {
    "title": name_column("Column", width=110),
    "metric": text_column("Metric of Evidently", width=204),
    "value": number_column("Value", 4, width=80),
    "threshold": number_column("Threshold", 4, width=86),
    "status": status_column("It says", width=92),
    "check": text_column("Our check", width=96),
    "our_score": number_column("Score", 4, width=80),
    "our_limit": number_column("Fails at", 4, width=80),
    "our_status": status_column("We say", width=92),
}
READ = {
    "file": name_column("File", width=280),
    "outcome": text_column("Outcome", width=90),
    "at": when_column("Time (UTC)", relative=False, width=150),
    "figures": number_column("Figures", 0, width=80),
    "reason": text_column("Reason"),
}


def evidently_view(deployment: str, windows: pd.DataFrame) -> None:
    """Exports, and imported snapshots; `windows` are the newest, which an export begins with."""
    _exports(deployment, windows)
    _snapshots(deployment)


def _exports(deployment: str, windows: pd.DataFrame) -> None:
    exports = workspace().monitoring.evidently_exports(deployment)
    if windows.empty:
        section("Windows for Evidently", "there is no evaluated window yet")
        return
    section(
        "Windows for Evidently",
        "a workspace with one snapshot per window: our scores, limits and verdicts",
    )
    actions = st.container(horizontal=True, vertical_alignment="center")
    ticked: list[str] = []
    if exports:
        frame = _export_frame(exports[:SHOWN_EXPORTS])
        ticked = table(frame, EXPORTS, key="evidently_exports", alt="Exports", select="one")
    ready = [info for info in exports if info.status == "ready"]
    chosen = next((info for info in ready if info.id in ticked), next(iter(ready), None))
    with actions:
        if st.button("Export windows", icon=":material/ios_share:", key="evidently_export"):
            export_windows(deployment, windows)
        if chosen is not None:
            export = chosen.id
            st.download_button(
                "Download",
                lambda: workspace().monitoring.evidently_zip(export),
                f"{deployment}-evidently.zip",
                "application/zip",
                icon=":material/download:",
                key="evidently_download",
                on_click="ignore",
                help="The chosen export, or the newest: unpack it and run "
                "`evidently ui --workspace workspace`",
            )
    for info in exports[:1]:
        if info.error:
            st.error(f"The newest export failed: {literal(info.error)}", icon=":material/error:")


def _export_frame(exports: Sequence[EvidentlyExportInfo]) -> pd.DataFrame:
    rows = [
        {
            "id": info.id,
            "title": f"Export, {ago(info.created_at)}",
            "status": info.status,
            "windows": info.windows,
            "from": f"{info.start:%Y-%m-%d}",
            "to": f"{info.end:%Y-%m-%d}",
            "bytes": info.bytes or None,
            "requested_by": info.requested_by,
        }
        for info in exports
    ]
    return pd.DataFrame(rows)


@st.dialog("Export windows to Evidently", icon=":material/ios_share:")
def export_windows(deployment: str, windows: pd.DataFrame) -> None:
    """The span of the windows to export."""
    st.markdown(
        "A job writes an Evidently workspace as a zip. Nothing is computed anew: its snapshots say "
        "what the pages of the windows say."
    )
    zone = workspace().monitoring.monitor_info(deployment).config.zone
    first, last = (windows["start"].iloc[at].tz_convert(zone).date() for at in (0, -1))
    with st.container(horizontal=True):
        start = st.date_input("First window from", first, key="evidently_from")
        end = st.date_input("Last window from", last, key="evidently_to")
    if dialog_buttons("Export", "evidently_span", missing="" if start and end else "Choose both"):
        span = _instant(start, zone), _instant(end, zone, last=True)
        if run_or_show_error(lambda: workspace().monitoring.export_evidently(deployment, *span)):
            toast_next("The export has begun")
            st.rerun()


def _instant(day: date, zone: str, *, last: bool = False) -> datetime:
    """When a day begins in a zone; the last one counts whole."""
    return datetime.combine(day, time.max if last else time.min, zone_named(zone))


def _snapshots(deployment: str) -> None:
    frame = workspace().monitoring.evidently_snapshots(deployment)
    if frame.empty:
        section("Snapshots from Evidently")
        _report(deployment)
        empty(
            "No snapshot has been imported",
            "Runs that Evidently made stand beside the windows of the same time: its scores and "
            "verdicts, and ours.",
            icon=":material/upload_file:",
            action=("Import snapshots", lambda: import_snapshots(deployment)),
            key="no_snapshots",
        )
        return
    section("Snapshots from Evidently", "its figures beside ours of the window of the same time")
    actions = st.container(horizontal=True, vertical_alignment="center")
    _report(deployment)
    names = frame["name"].where(frame["name"] != "", frame["at"].dt.strftime("%Y-%m-%d"))
    ticked = table(
        frame.assign(title=names).iloc[::-1],
        SNAPSHOTS,
        key="evidently_snapshots",
        alt="Imported snapshots, newest first",
        select="one",
    )
    chosen = next((snapshot for snapshot in ticked if snapshot in set(frame["id"])), None)
    snapshot = str(chosen or frame["id"].iloc[-1])
    with actions:
        if st.button("Import snapshots", icon=":material/upload_file:", key="evidently_add"):
            import_snapshots(deployment)
        if chosen and st.button("Remove", icon=":material/delete:", key="evidently_remove"):
            _remove(snapshot)
    _figures(snapshot, str(names[frame["id"] == snapshot].iloc[0]))


def _figures(snapshot: str, name: str) -> None:
    frame = workspace().monitoring.evidently_figures(snapshot)
    section(f"Figures of {literal(name)}", plural(len(frame), "figure"))
    checks = frame["our_check"].map(check_title, na_action="ignore")
    detail = frame["method"].where(frame["method"] != "", frame["part"])
    metric = frame["metric"] + detail.where(detail == "", ": " + detail)
    rows = frame.assign(title=frame["column"], metric=metric, check=checks)
    table(rows, FIGURES, key="evidently_figures", alt="Figures of the snapshot, and ours")


def _remove(snapshot: str) -> None:
    monitoring = workspace().monitoring
    confirm(
        "Remove this snapshot",
        "Its figures are deleted here. Importing its file again adds it again.",
        verb="Remove",
        command=lambda reason: monitoring.remove_evidently_snapshot(snapshot, reason),
        done="The snapshot is removed",
    )


@st.dialog("Import snapshots of Evidently", icon=":material/upload_file:", width="large")
def import_snapshots(deployment: str) -> None:
    """The upload; errors are shown in it."""
    st.markdown(
        "A zip of an Evidently workspace, or snapshots as JSON files. A time without a zone is "
        "read in the zone of the monitor. What is there already adds nothing."
    )
    files = st.file_uploader(
        "Workspace or snapshots",
        type=["zip", "json"],
        accept_multiple_files=True,
        key="evidently_files",
    )
    if not dialog_buttons("Import", "evidently_import", missing="" if files else "Choose a file"):
        return
    results = []
    for file in files or ():
        try:
            results.append(
                workspace().monitoring.import_evidently_file(deployment, file.name, file.getvalue())
            )
        except PilothouseError as refused:
            error_box(refused)
            return
    st.session_state[REPORT] = {"deployment": deployment, "results": results}
    toast_next(f"{plural(sum(result.added for result in results), 'snapshot')} imported")
    st.rerun()


def _report(deployment: str) -> None:
    """What the last import of this session read, and what it left out."""
    report = st.session_state.get(REPORT)
    if not report or report["deployment"] != deployment:
        return
    results: list[SnapshotImport] = report["results"]
    added, existed, skipped = (
        sum(getattr(result, name) for result in results) for name in ("added", "existed", "skipped")
    )
    text = f"{added} added, {existed} were there already, {skipped} left out"
    with st.expander(f"The last import: {text}", expanded=bool(skipped)):
        frame = pd.concat([result.frame() for result in results], ignore_index=True)
        rows = frame.assign(title=frame["file"])
        table(rows, READ, key="evidently_read", alt="Files of the last import")
