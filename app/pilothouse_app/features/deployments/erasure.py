"""Erasure of an entity from a deployment's log, on its page: counted before, certified after."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import streamlit as st

from pilothouse.kit.errors import NotFound
from pilothouse_app.components.dialogs import dialog_buttons, reason_input, run_or_show_error
from pilothouse_app.components.formats import plural
from pilothouse_app.components.links import address, go
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace

if TYPE_CHECKING:
    from pilothouse.deployments.log_rules.erasure import ErasureCount

PREDICTION_ID = "Prediction id"
COUNTED = "_erasure_counted"


@st.dialog("Erase an entity", icon=":material/person_remove:")
def erase_entity(name: str) -> None:
    """Which rows, how many that are, and why; erased only after they were counted."""
    columns = [PREDICTION_ID, *workspace().deployments.signature(name).names]
    column = st.selectbox("Named by", columns, key="erasure_column")
    value = (st.text_input("Value", live=True, key="erasure_value") or "").strip()
    named: dict[str, object] = {"column": column, "value": value}
    if column == PREDICTION_ID:
        named = {"ids": (value,)} if value else {}
    if st.button("Count the rows", icon=":material/search:", disabled=not value,
                 help=None if value else "Say which value first", key="erasure_count"):  # fmt: skip
        _count(name, named)
    counted = st.session_state.get(COUNTED)
    rows = counted[2] if counted is not None and counted[:2] == (name, named) else None
    if rows is not None:
        st.markdown(_consequence(rows))
    reason = reason_input("erasure_reason")
    missing = "" if reason else "Give a reason first"
    if rows is None:
        missing = "Count the rows first"
    elif _is_empty(rows):
        missing = "The log has no row of it"
    if dialog_buttons("Erase", "erasure", missing=missing):
        _erase(name, named, reason)


def certificate_button(name: str, job: str) -> None:
    """Download the certificate of an erasure, once there is one."""
    try:
        certificate = workspace().deployments.erasure_certificate(job)
    except NotFound:
        st.markdown(":gray[The erasure is not complete: its job makes the certificate.]")
        return
    st.download_button(
        "Certificate",
        json.dumps(certificate, indent=2, ensure_ascii=False),
        f"{name}-erasure-{job}.json",
        "application/json",
        icon=":material/verified:",
        key="erasure_certificate",
    )


def _count(name: str, named: dict[str, object]) -> None:
    def act() -> None:
        rows = workspace().deployments.count_erasure(name, **named)  # type: ignore[arg-type]
        st.session_state[COUNTED] = (name, named, rows)

    run_or_show_error(act)


def _erase(name: str, named: dict[str, object], reason: str) -> None:
    jobs: list[str] = []

    def act() -> None:
        jobs.append(workspace().deployments.erase(name, reason, **named))  # type: ignore[arg-type]

    if run_or_show_error(act):
        st.session_state.pop(COUNTED, None)
        toast_next("The rows are being erased")
        go(address("job", jobs[0]))


def _is_empty(rows: ErasureCount) -> bool:
    return not (rows.predictions or rows.waiting or rows.labels or rows.rewards)


def _consequence(rows: ErasureCount) -> str:
    text = "The log has no prediction, label or reward of it."
    if not _is_empty(rows):
        text = _amount(rows)
    if rows.unsearched:
        files = plural(len(rows.unsearched), "damaged file")
        text += f"\n\n:material/warning: {files} cannot be searched: the certificate names them."
    return text


def _amount(rows: ErasureCount) -> str:
    return (
        f":material/person_remove: **{plural(rows.predictions + rows.waiting, 'prediction')}**, "
        f"{plural(rows.labels, 'label')} and {plural(rows.rewards, 'reward')} are erased, in "
        f"{plural(rows.files, 'file')}. They do not come back. Windows that were judged keep "
        "their figures."
    )
