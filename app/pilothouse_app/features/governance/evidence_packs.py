"""The download of an evidence pack: of a version, of a model, or of the workspace."""

from __future__ import annotations

import tempfile
from datetime import datetime
from pathlib import Path

import streamlit as st

from pilothouse_app.components.workspace import workspace

HELP = (
    "One archive for an audit: promotions with their frozen evidence, votes, policies, cards, "
    "datasheets, measurements, deployments, windows, alerts, minutes, and the audit log with the "
    "proof of its chain. Its first page says how to verify it without Pilothouse."
)


def pack_button(
    model: str = "",
    version: int | None = None,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> None:
    """A button that makes the pack when it is pressed, and downloads it."""

    def make() -> bytes:
        with tempfile.TemporaryDirectory(prefix="pilothouse-pack-") as folder:
            path = Path(folder) / "pack.zip"
            workspace().governance.evidence_pack(path, model, version, since=since, until=until)
            return path.read_bytes()

    name = "-".join([model or "workspace", *([str(version)] if version else [])])
    st.download_button(
        "Evidence pack",
        make,
        f"evidence-{name}.zip",
        "application/zip",
        icon=":material/folder_zip:",
        key="evidence_pack",
        type="tertiary",
        help=HELP,
        on_click="ignore",
    )
