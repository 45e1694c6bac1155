"""Quality checks on a page: what they measured of a version, and their history over versions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from pilothouse.data.quality.quality_info import figure_text
from pilothouse_app import charts
from pilothouse_app.components.charting import dark, figure
from pilothouse_app.components.dialogs import run_or_show_error
from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.formats import DASH, ago, count, title
from pilothouse_app.components.header import section
from pilothouse_app.components.layout import fill_window
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.table import (
    name_column,
    number_column,
    status_column,
    table,
    text_column,
)
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.data.quality_form import (
    add_dialog,
    edit_dialog,
    remove_check,
    suggest_dialog,
)
from pilothouse_app.features.personal_data.masked import masked_data

if TYPE_CHECKING:
    from pilothouse.data.info import DatasetVersionInfo
    from pilothouse.data.quality.quality_info import DatasetCheckInfo, QualityResult

COLUMNS = {
    "title": name_column("Check", width=270),
    "status": status_column(width=96),
    "value": text_column("Measured", width=100),
    "failing": number_column("Failing rows", 0, width=90),
    "severity": text_column("Severity", width=76),
}
NOT_RUN = "not run"


def quality_view(version: DatasetVersionInfo, reserve: float) -> None:
    """The checks of the dataset with their results of this version; the chosen one beside them."""
    checks = workspace().data.quality_checks(version.dataset)
    results = {r.check_id: r for r in workspace().data.quality_results(version.ref)}
    _commands(version, checks, results)
    if not checks:
        empty(
            "No quality checks yet",
            "A check measures one figure of each new version, such as its missing values, its age "
            "or its rows, and can hold a version back. What each column may hold is its contract.",
            icon=":material/fact_check:",
            key="quality_empty",
        )
        return

    rows = pd.DataFrame([_row(check, results.get(check.id)) for check in checks])
    left, right = st.columns([60, 40], gap="small")
    with left, fill_window("quality", reserve=reserve, most=33 + 30 * len(rows)):
        chosen = table(
            rows,
            COLUMNS,
            key=f"quality_{version.ref}",
            ids="id",
            alt="Quality checks and what they measured",
            select="one",
            height="stretch",
        )
    by_id = {check.id: check for check in checks}
    check = by_id.get(chosen[0] if chosen else "", _first(checks, results))
    with right, st.container(border=True):
        _check(version, check, results.get(check.id))


def quality_lines(results: Sequence[QualityResult]) -> str:
    """Results as a list in Markdown, the failed ones first."""
    icons = {"passed": ":green[:material/check_circle:]", "failed": ":red[:material/cancel:]"}
    ordered = sorted(results, key=lambda result: (result.ok, not result.blocks))
    return "  \n".join(
        f"{icons.get(r.status, ':orange[:material/error:]')} {literal(r.title)}: "
        f":gray[{literal(r.message)}{'; it only warns' if not r.ok and not r.blocks else ''}]"
        for r in ordered
    )


def _commands(
    version: DatasetVersionInfo,
    checks: Sequence[DatasetCheckInfo],
    results: dict[str, QualityResult],
) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        failed = sum(not result.ok for result in results.values())
        text = "Checks run on every new version; one that blocks holds the version back."
        if results:
            text = f"{len(results) - failed} of {len(results)} checks passed on this version."
        st.markdown(f":gray[{text}]", width="stretch")
        if checks and st.button("Run again", icon=":material/refresh:", type="tertiary",
                                key="quality_run"):  # fmt: skip
            _run(version)
        if st.button("Suggest checks", icon=":material/lightbulb:", type="tertiary",
                     key="quality_suggest"):  # fmt: skip
            suggest_dialog(version)
        if st.button("Add check", icon=":material/add:", key="quality_add"):
            add_dialog(version)


def _run(version: DatasetVersionInfo) -> None:
    with st.spinner("The checks run"):
        done = run_or_show_error(lambda: workspace().data.run_quality_checks(version.ref))
    if done:
        toast_next("The quality checks were run")
        st.rerun()


def _row(check: DatasetCheckInfo, result: QualityResult | None) -> dict[str, object]:
    row: dict[str, object] = {
        "id": check.id,
        "title": check.title,
        "status": NOT_RUN,
        "value": DASH,
        "failing": None,
        "severity": title(check.severity),
    }
    if result is not None:
        value = DASH if result.value is None else figure_text(result.value, check.unit)
        row |= {"status": result.status, "value": value, "failing": result.failing}
    return row


def _first(
    checks: Sequence[DatasetCheckInfo], results: dict[str, QualityResult]
) -> DatasetCheckInfo:
    """The first check that failed, else the first one."""
    failed = [c for c in checks if c.id in results and not results[c.id].ok]
    return (failed or list(checks))[0]


def _check(
    version: DatasetVersionInfo, check: DatasetCheckInfo, result: QualityResult | None
) -> None:
    """One check: its history, its failing rows, and what can be done with it."""
    section(literal(check.title))
    if result is None:
        st.markdown(":gray[It has not run on this version: press *Run again*.]")
    else:
        colour = "green" if result.ok else "red"
        when = ago(result.checked_at)
        st.markdown(f":{colour}[{literal(result.message)}] :small[:gray[{when}]]")
    _history(version, check)
    if result is not None and result.rows:
        _failing(version, check, result)
    with st.container(horizontal=True):
        if st.button("Edit", icon=":material/edit:", type="tertiary", key="quality_edit"):
            edit_dialog(version, check)
        if st.button("Remove", icon=":material/delete:", type="tertiary", key="quality_remove"):
            remove_check(check)


def _history(version: DatasetVersionInfo, check: DatasetCheckInfo) -> None:
    history = workspace().data.quality_history(version.dataset)
    rows = history[history["check"] == check.id]
    if rows.empty:
        return
    units = {"share": "", "rows": "Rows", "hours": "Hours", "number": ""}
    chart = charts.checked_versions(
        rows.astype({"value": float, "low": float, "high": float}),
        dark=dark(),
        y=units[check.unit],
        share=check.unit == "share",
    )
    figure(chart, key="quality_history", height=220, alt=f"{check.title} by version")


def _failing(version: DatasetVersionInfo, check: DatasetCheckInfo, result: QualityResult) -> None:
    rows = masked_data().failing_rows(check.id, version.ref)
    section("Failing rows", f"{len(rows)} of {count(result.failing or len(rows))}")
    st.dataframe(rows, key="quality_failing", alt="The first rows that fail", row_height=30)
