"""Measuring what the gates of a version need: the button, and the progress of the job."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pilothouse.registry.tables import UNGATED
from pilothouse_app.components.dialogs import run_or_show_error
from pilothouse_app.components.formats import plural
from pilothouse_app.components.links import address, link
from pilothouse_app.components.live import live
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace

if TYPE_CHECKING:
    from collections.abc import Callable

    from pilothouse.jobs.api import JobInfo
    from pilothouse.registry.info import VersionInfo

KIND = "measure_version"
POLL_SECONDS = 1.5
DIALOG_OPEN = "promote_dialog_open"


def measuring(version: VersionInfo) -> JobInfo | None:
    """The job that measures the version now."""
    active = workspace().jobs.active()
    return next((j for j in active if (j.kind, j.subject_ref) == (KIND, version.ref)), None)


def missing_measurements(version: VersionInfo, stage: str) -> int:
    """How many measurements the gates before a stage need and do not have."""
    gated = stage not in UNGATED and version.signature.is_described
    return (
        len(workspace().registry.unmeasured(version.model, version.version, stage)) if gated else 0
    )


def measure_line(version: VersionInfo, stage: str, *, key: str, is_live: bool = True) -> None:
    """The progress of the measurements, or the button that starts those that are missing.

    A dialog is a part that is redrawn alone already: in one, the progress is not `is_live`, nor on
    the page behind it, which would close the dialog as it runs again.
    """
    is_live = is_live and DIALOG_OPEN not in st.session_state
    if measuring(version) is not None and not is_live:
        _progress(version)
        return
    if measuring(version) is not None:
        live(lambda: _progress(version), key=f"{key}_progress", busy=True)
        return
    missing = missing_measurements(version, stage)
    if not missing:
        return
    with st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
    ):
        st.markdown(f":gray[{plural(missing, 'measurement')} that the gates need "
                    f"{'is' if missing == 1 else 'are'} missing]")  # fmt: skip
        if st.button("Measure", icon=":material/straighten:", key=key) and run_or_show_error(
            lambda: start_measuring(version, stage)
        ):
            toast_next("The measurements have started; the gates are evaluated again after them")
            st.rerun()


def start_measuring(version: VersionInfo, stage: str) -> None:
    """Ask for the measurements that are missing, if any are."""
    if missing_measurements(version, stage):
        workspace().registry.measure(version.model, version.version, stage)


def begin_measuring(version: VersionInfo, stage: str) -> None:
    """Ask for what nobody has tried to measure, without a press, once in a visit."""
    mark = f"measured_{version.ref}_{stage}"
    if mark in st.session_state or not version.signature.is_described:
        return
    st.session_state[mark] = True
    run_or_show_error(
        lambda: workspace().registry.measure(version.model, version.version, stage, untried=True)
    )


def follow_measuring(version: VersionInfo, draw: Callable[[], None]) -> None:
    """Draw a part of a dialog, again and again while the version is being measured.

    What is typed stands outside of it: a dialog as a whole would lose it.
    """
    st.fragment(draw, run_every=POLL_SECONDS if measuring(version) is not None else None)()


def _progress(version: VersionInfo) -> bool:
    job = measuring(version)
    if job is None:
        return False
    with st.container(horizontal=True, vertical_alignment="center"):
        message = literal(job.message) or "waiting for a worker"
        st.progress(job.progress, text=f"Measuring what the gates need: {message}")
        link(address("job", job.id), "Job", icon=":material/work_history:")
    return True
