"""The archive of the whole workspace: what is in it and what is not, then the file."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from pilothouse.people.rights import PERSONAL_DATA
from pilothouse_app.components.dialogs import run_or_show_error
from pilothouse_app.components.formats import ago, plural, size
from pilothouse_app.components.links import address, go, link
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.workspace import workspace

if TYPE_CHECKING:
    from pilothouse.interop.archives.export_archive import ArchivePreview
    from pilothouse.interop.archives.export_job import KeptArchive

KIND = "export_archive"
MAX_NAMED = 5  # columns with personal data
MAX_DOWNLOAD = 256 << 20  # bytes that a browser gets at once; larger ones lie in the folder
AT_ONCE = 64 << 20  # bytes of a workspace that is written while somebody waits
HELP = "The whole workspace as one file in open formats, which imports again."


def archive_button() -> None:
    """A button that opens the dialog."""
    if st.button("Archive", icon=":material/archive:", key="archive", type="tertiary", help=HELP):
        archive_dialog()


@st.dialog("Archive of the workspace", icon=":material/archive:", width="large")
def archive_dialog() -> None:
    """What an archive would have and would not, and the way to one."""
    st.markdown(
        "One file in open formats: every table as Parquet, every file of runs, datasets and "
        "models, the prediction log and the audit log. Anybody reads it with pandas, and it "
        "imports again with the same ids, times and digests."
    )
    archives = workspace().archives
    preview = archives.preview()
    _contents(preview)
    may = not preview.personal or workspace().people.may(PERSONAL_DATA)
    if preview.personal:
        _personal(preview.personal, may=may)
    if not may:
        return
    running = [job for job in workspace().jobs.active() if job.kind == KIND]
    newest = archives.newest()
    if newest is not None:
        _kept(newest)
    if running:
        link(
            address("job", running[0].id),
            "An archive is being written",
            icon=":material/work_history:",
        )
    elif preview.bytes <= AT_ONCE:
        _download_now()
    else:
        _write()
    st.caption(
        "Import it with `pilothouse archives import FILE --workspace NEW`. It holds models and "
        "other code that the new workspace runs: keep it where only you can change it. The digest "
        "of its manifest, which the import takes with `--manifest`, is in the activity log."
    )


def _personal(columns: tuple[str, ...], *, may: bool) -> None:
    """Say before the press that values are not masked, and who may have them."""
    names = ", ".join(map(literal, columns[:MAX_NAMED]))
    more = f" and {len(columns) - MAX_NAMED} more" if len(columns) > MAX_NAMED else ""
    st.warning(
        f"An archive imports byte for byte, so the values of {names}{more} are in it as they are. "
        + ("The export is recorded." if may else "It needs the right *personal_data*."),
        title="Personal data is not masked in an archive",
        icon=":material/visibility:",
    )


def _contents(preview: ArchivePreview) -> None:
    st.markdown(
        f"**In it**: {plural(preview.rows, 'row')} of tables, "
        f"{plural(preview.artifacts, 'artifact')}, {plural(preview.files, 'file')} of logs; "
        f"up to {size(preview.bytes)}."
    )
    with st.expander("Left out", icon=":material/visibility_off:"):
        lines = (f"- **{literal(item.what)}**: {literal(item.reason)}" for item in preview.left_out)
        st.markdown("\n".join(lines))


def _write() -> None:
    """A large workspace is written by a job, whose page says how far it is."""
    pressed = st.button(
        "Write the archive",
        type="primary",
        icon=":material/archive:",
        key="archive_start",
        help="A job writes it into the folder of the workspace, in place of the one before.",
    )
    started: list[str] = []
    if pressed and run_or_show_error(lambda: started.append(workspace().archives.start())):
        go(address("job", started[0]))
        st.rerun()


def _download_now() -> None:
    """A small workspace is written when the button is pressed."""

    def make() -> bytes:
        with tempfile.TemporaryDirectory(prefix="pilothouse-archive-") as folder:
            path = Path(folder) / "archive.zip"
            workspace().archives.export(path)
            return path.read_bytes()

    st.download_button(
        "Write and download",
        make,
        f"{workspace().folder.name}.zip",
        "application/zip",
        type="primary",
        icon=":material/download:",
        key="archive_download",
        on_click="ignore",
    )


def _kept(newest: KeptArchive) -> None:
    """The archive that a job has written: where it is, and a download unless it is large."""
    made = ago(newest.made_at) if newest.made_at else ""
    st.markdown(f"**Written {made}**: `{newest.path}`, {size(newest.bytes)}")
    st.caption(f"SHA-256 of its manifest: `{newest.manifest}`")
    if newest.bytes <= MAX_DOWNLOAD:
        st.download_button(
            "Download this one",
            newest.path.read_bytes,
            newest.path.name,
            "application/zip",
            icon=":material/download:",
            key="archive_kept",
            on_click="ignore",
        )
