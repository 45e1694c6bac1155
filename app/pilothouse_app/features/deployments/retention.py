"""What a deployment's log has, for how long, on its page, and what was deleted of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pilothouse.deployments.log_rules.erasure import ERASURE
from pilothouse.deployments.log_rules.rules import LogRules
from pilothouse_app.components.confirm import confirm
from pilothouse_app.components.dialogs import save_change
from pilothouse_app.components.formats import ago, day, plural, share, title
from pilothouse_app.components.header import section
from pilothouse_app.components.kpis import Kpi, kpi_row
from pilothouse_app.components.links import address, go_next
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.optional_number import optional_number
from pilothouse_app.components.records import records
from pilothouse_app.components.table import number_column, table, text_column, when_column
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.deployments.erasure import certificate_button, erase_entity

if TYPE_CHECKING:
    from pilothouse.deployments.log_rules.log_api import LogRetention

COLUMNS = {
    "at": when_column("Deleted", relative=False, width=150),
    "what": text_column("Why", width=100),
    "before": when_column("Events before (UTC)", relative=False, width=150),
    "predictions": number_column("Predictions", 0, width=100),
    "labels": number_column("Labels", 0, width=90),
    "requests": number_column("Requests", 0, width=90),
    "files": number_column("Files", 0, width=70),
    "by": text_column("By"),
}
MAX_NAMES = 40  # characters
COLUMNS_TEXT = (
    ":material/visibility_off: From now on they are neither monitored nor there for replays, "
    "explanations and retraining; the model still gets the true values. Rows that are logged "
    "already stay as they are. Values to be hashed are on the disk for about a minute."
)
SAMPLE_TEXT = (
    ":material/percent: The other requests are counted, with their latency; windows, labels, "
    "replays and retraining have the rows of this random sample. During a rollout all are logged."
)


def deleted_note(name: str) -> None:
    """Say from when on there are rows, where older ones were deleted."""
    deleted = workspace().deployments.log_state(name).deleted_before
    if deleted is not None:
        st.markdown(f":gray[Rows of events before {day(deleted)} were deleted by retention.]")


def unmonitored_note(name: str) -> None:
    """Say which inputs are not monitored, because the log does not have their values."""
    rules = workspace().deployments.log_rules(name)
    parts = [
        f"{', '.join(map(literal, names))} {'are' if len(names) > 1 else 'is'} {how}"
        for names, how in ((rules.dropped, "not logged"), (rules.hashed, "logged as hashes"))
        if names
    ]
    if rules.share is not None:
        st.markdown(f":gray[Of the requests, {share(rules.share)} are logged: a random sample.]")
    if parts:
        st.markdown(f":gray[Not monitored: {'; '.join(parts)}.]")


def retention_view(name: str) -> None:
    """How long rows are kept, since when there are some, and each deletion."""
    state = workspace().deployments.log_state(name)
    kpi_row(_tiles(state))
    if state.held_by:
        st.markdown(f":gray[Older rows were left at the last clean-up: {literal(state.held_by)}.]")
    with st.container(horizontal=True):
        if st.button("Change", type="primary", icon=":material/edit:", key="retention_change"):
            change_retention(name)
        is_kept = state.rules.keep_days is None
        if st.button(
            "Delete old rows now",
            icon=":material/delete_sweep:",
            disabled=is_kept,
            help="All rows are kept" if is_kept else "A job; otherwise it runs every day",
            key="retention_now",
        ):
            _delete_now(name, state.rules.keep_days or 0)
        if st.button("Erase an entity", icon=":material/person_remove:", key="retention_erase"):
            erase_entity(name)
    _deletions(name)


@st.dialog("Rules of the log", icon=":material/auto_delete:")
def change_retention(name: str) -> None:
    """How long rows are kept, and which inputs are not logged or hashed; with what follows."""
    rules = workspace().deployments.log_rules(name)
    inputs = [*workspace().deployments.signature(name).names]
    inputs += [column for column in (*rules.dropped, *rules.hashed) if column not in inputs]
    with st.container(horizontal=True):
        days = optional_number(
            "Rows are kept for (days)", rules.keep_days, min_value=1, max_value=36_500,
            placeholder="For ever", key="retention_days",
        )  # fmt: skip
        percent = _share_input(name, rules.share)
    st.markdown(_consequence(days))
    if percent is not None:
        st.markdown(SAMPLE_TEXT)
    dropped = st.multiselect(
        "Inputs that are not logged", inputs, rules.dropped, placeholder="None",
        key="retention_dropped",
    )  # fmt: skip
    hashed = st.multiselect(
        "Inputs that are hashed", [column for column in inputs if column not in dropped],
        [column for column in rules.hashed if column not in dropped], placeholder="None",
        help="Equal values have equal hashes, in every deployment of this workspace",
        key="retention_hashed",
    )  # fmt: skip
    if dropped or hashed:
        st.markdown(COLUMNS_TEXT)
    after = LogRules(
        None if days is None else int(days),
        tuple(sorted(dropped)),
        tuple(sorted(hashed)),
        None if percent is None else percent / 100,
    )
    save_change(
        "retention",
        lambda reason: workspace().deployments.set_log_rules(name, after, reason),
        changed=after != rules,
        done=f"The rules of the log of {literal(name)} are changed",
    )


def _consequence(days: float | None) -> str:
    if days is None:
        return ":gray[Rows are kept for ever. What was deleted before does not come back.]"
    return (
        f":material/auto_delete: Every day at 03:23 UTC a job deletes predictions, labels and "
        f"requests that are older than {plural(int(days), 'day')} by their event and by their "
        "receipt. Windows that were judged keep their results; rows that monitoring has not judged "
        "yet, or compares with, stay longer."
    )


def _share_input(name: str, part: float | None) -> float | None:
    """Percent of the requests, None for all; what is sent from elsewhere is logged whole."""
    if workspace().deployments.deployment(name).external:
        return None
    percent = optional_number(
        "Requests logged (%)", None if part is None else round(100 * part, 6), min_value=0.01,
        max_value=100.0, step=10.0, format="%g", placeholder="All", key="retention_share",
    )  # fmt: skip
    return None if percent == 100.0 else percent


def _tiles(state: LogRetention) -> list[Kpi]:
    days = state.rules.keep_days
    length = "For ever" if days is None else plural(days, "day")
    since = "All" if state.deleted_before is None else f"Since {day(state.deleted_before)}"
    cleaned = "never yet" if state.cleaned_at is None else ago(state.cleaned_at)
    rules = state.rules
    return [
        Kpi("Rows are kept", length, f"last clean-up {cleaned}" if days else "no clean-up is due"),
        Kpi("Events in the log", since, "older ones were deleted" if state.deleted_before else ""),
        Kpi("Requests logged", *_sampled(rules.share)),
        Kpi("Inputs not logged", _number(rules.dropped), _list(rules.dropped)),
        Kpi("Inputs hashed", _number(rules.hashed), _list(rules.hashed)),
    ]


def _sampled(part: float | None) -> tuple[str, str]:
    if part is None:
        return "All", "with their predictions"
    return f"{100 * part:g} %", "the others are counted"


def _number(names: tuple[str, ...]) -> str:
    return str(len(names)) if names else "None"


def _list(names: tuple[str, ...]) -> str:
    text = ", ".join(names)
    return text if len(text) <= MAX_NAMES else f"{text[:MAX_NAMES]}…"


def _delete_now(name: str, days: int) -> None:
    def act(_reason: str) -> None:
        go_next(address("job", workspace().deployments.clean_log(name)))

    confirm(
        "Delete old rows now",
        f"A job deletes the rows of **{literal(name)}** that are older than "
        f"{plural(days, 'day')}. They do not come back.",
        verb="Delete",
        command=act,
        needs_reason=False,
        done="Old rows are being deleted",
    )


def _deletions(name: str) -> None:
    frame = workspace().deployments.log_deletions(name)
    section("Deleted rows", plural(len(frame), "deletion") if len(frame) else "none were deleted")
    if len(frame):
        rows = frame.assign(what=frame["kind"].map(title))
        chosen = table(
            rows, COLUMNS, key="log_deletions", alt="Deleted rows", ids="id", select="one"
        )
        for row in records(rows[rows["id"].isin(chosen) & (rows["kind"] == ERASURE)]):
            certificate_button(name, row["id"])
