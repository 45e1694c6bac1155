"""Refreshing a dataset from its source: what would change, the contract's verdict, a clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from pilothouse.data.sources import sources
from pilothouse.kit.errors import PilothouseError
from pilothouse_app.components.dialogs import dialog_buttons, run_or_show_error
from pilothouse_app.components.formats import count
from pilothouse_app.components.header import facts, section
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.schedule_panel import ScheduledWork, schedule_panel
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.data.quality import quality_lines
from pilothouse_app.features.data.register_dataset import submit_and_wait
from pilothouse_app.features.personal_data.masked import masked_data

if TYPE_CHECKING:
    from pilothouse.data.dataset_sources import DatasetSourceInfo, RefreshCheck

CHECK, QUERY = "_refresh_check", "query"
MAX_COLUMNS, MAX_LINES = 6, 8
VALUE_BYTES, MAX_COMPARED = 8, 1 << 30  # of the rows that this process reads to compare them
TOO_LARGE = (
    "These rows are too many to be compared here. A job reads them: when they keep the contract, "
    "they become the newest version, and the job's result says how they differ."
)
CLOCKS = {"Every day at 04:00 UTC": "0 4 * * *", "Every Monday at 04:00 UTC": "0 4 * * 1"}


def refresh_button(dataset: str) -> None:
    """The button that opens the dialog; nothing for a dataset that cannot be read again."""
    if workspace().data.source(dataset) is None:
        return
    if st.button("Refresh", icon=":material/sync:", key="dataset_refresh"):
        st.session_state.pop(CHECK, None)
        refresh_dialog(dataset)


@st.dialog("Refresh from the source", width="large", icon=":material/sync:")
def refresh_dialog(dataset: str) -> None:
    """What a refresh would change, before it becomes the newest version."""
    source = workspace().data.source(dataset)
    if source is None:
        return
    _source(source)
    check, accepted, release_reason = None, False, ""
    if missing := _not_compared(dataset):
        st.markdown(literal(missing))
        missing = "" if missing == TOO_LARGE else missing
    else:
        check = _checked(dataset)
        if check is not None:
            _changes(check)
            accepted = _verdict(check)
            release_reason = _quality(check)
        missing = _missing(check, accepted, release_reason)
    _schedule(dataset)
    if dialog_buttons("Make it the newest", "refresh", missing=missing):
        on_breach = "accept" if accepted else "refuse"
        submit_and_wait(
            lambda: workspace().data.submit_refresh(
                dataset, on_breach=on_breach, release_reason=release_reason
            )
        )


def _source(source: DatasetSourceInfo) -> None:
    """What is read: the settings that were given, a query below them."""
    settings = {
        item.label: _setting(source.settings.get(item.name))
        for item in sources.get(source.kind).parameters
        if item.name != QUERY and source.settings.get(item.name) not in (None, "")
    }
    facts({"Source": literal(source.title), **settings})
    if query := source.settings.get(QUERY):
        st.code(str(query), language="sql", wrap_lines=True)
    if source.identity:
        st.markdown(f":small[:gray[Read last as {literal(source.identity)}]]")


def _setting(value: Any) -> str:
    return count(value) if isinstance(value, int | float) else literal(str(value))


def _not_compared(dataset: str) -> str:
    """Why the rows are not read here; empty when they are."""
    try:
        newest = workspace().data.version(dataset)
        state = workspace().data.source_state(dataset)
    except PilothouseError:
        return ""  # the reading says what is wrong
    if state == "unchanged":
        read = _held_version(dataset) or newest.ref
        return f"The source did not change since {read} was read from it"
    return TOO_LARGE if newest.rows * newest.columns * VALUE_BYTES > MAX_COMPARED else ""


def _held_version(dataset: str) -> str:
    """The newest version, when its quality checks hold it back."""
    frame = workspace().data.versions(dataset)
    return f"{frame['ref'].iloc[0]} (held back)" if frame["status"].iloc[0] == "held" else ""


def _checked(dataset: str) -> RefreshCheck | None:
    """The rows of now against the newest version; read once while the dialog is open."""
    name, check = st.session_state.get(CHECK) or ("", None)
    if name == dataset:
        return check

    def read() -> None:
        st.session_state[CHECK] = (dataset, masked_data().check_refresh(dataset))

    with st.spinner("The rows are read and compared"):
        if not run_or_show_error(read):
            return None
    return st.session_state[CHECK][1]  # type: ignore[no-any-return]  # kept above


def _changes(check: RefreshCheck) -> None:
    section(f"Against {literal(check.newest)}", f"{count(check.rows)} rows now")
    if check.unchanged:
        st.markdown(":green[:material/check_circle: The rows did not change.]")
        return
    st.markdown(literal(check.diff.message))
    for row in check.diff.schema.itertuples():
        st.markdown(f":orange[:material/view_column: {literal(f'{row.column}: {row.change}')}]")
    moved = check.diff.columns[["column", "type", "shift", "message"]].head(MAX_COLUMNS)
    shift = moved["shift"].map(lambda value: "" if pd.isna(value) else f"{value:.3f}")
    frame = moved.assign(shift=shift).set_axis(["Column", "Type", "Shift", "Change"], axis=1)
    st.table(frame.map(literal), border="horizontal", hide_index=True, alt="Most shifted columns")


def _verdict(check: RefreshCheck) -> bool:
    """The contract's verdict; whether a breach is accepted."""
    if check.report.ok:
        st.markdown(f":green[:material/rule: It keeps the contract of {literal(check.newest)}.]")
        return False
    lines = "\n".join(f"- {literal(line)}" for line in check.report.lines[:MAX_LINES])
    title = literal(f"This breaks the contract of {check.newest}")
    st.warning(lines, title=title, icon=":material/rule:")
    return st.checkbox(
        "The data is correct: register it and widen the contract to include it",
        key="refresh_accept",
    )


def _quality(check: RefreshCheck) -> str:
    """What the quality checks say; the reason to release a version that they would hold back."""
    if not check.quality or check.unchanged:
        return ""
    passed = sum(result.ok for result in check.quality)
    section("Quality checks", f"{passed} of {len(check.quality)} passed")
    st.markdown(quality_lines(check.quality))
    if not check.held_for:
        return ""
    st.markdown(
        ":orange[A blocking check fails: a schedule would register these rows as a version that is "
        "held back.]"
    )
    typed = st.text_input(
        "Reason to use these rows all the same", live=True, key="refresh_release_reason"
    )
    return (typed or "").strip()


def _missing(check: RefreshCheck | None, accepted: bool, release_reason: str) -> str:
    if check is None:
        return "The rows could not be read"
    if check.unchanged:
        return "Nothing changed"
    if not check.report.ok and not accepted:
        return "It breaks the contract: decide to register it all the same"
    if check.held_for and not release_reason:
        return "A blocking quality check fails: give the reason to release it"
    return ""


def _schedule(dataset: str) -> None:
    work = ScheduledWork(
        "Refresh", "Refreshed", dataset, "dataset", "refresh_dataset", {"name": dataset}, CLOCKS
    )
    note = (
        "Rows that break the contract are never registered by a schedule; rows that fail a "
        "blocking quality check become a version that is held back."
    )
    schedule_panel(work, key="refresh", note=note)
