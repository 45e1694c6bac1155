"""Groups of people compared, and a threshold for each group with what it costs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from pilothouse.explanations.group_thresholds import CRITERIA, OBJECTIVES
from pilothouse.explanations.threshold_effects import METRIC_TITLES
from pilothouse.kit.errors import PilothouseError
from pilothouse_app.charts import rates_by_group, rows_height
from pilothouse_app.components.charting import dark, figure
from pilothouse_app.components.dialogs import run_or_show_error
from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.errors import error_box
from pilothouse_app.components.formats import DASH, count, plural, share, signed
from pilothouse_app.components.header import section
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace

if TYPE_CHECKING:
    from pilothouse.explanations.fairness import GroupThresholds
    from pilothouse.explanations.threshold_effects import FigureInterval, GroupCounts
    from pilothouse.registry.info import VersionInfo

WIDTH = 220
SPACE = "\u00a0"  # figures that belong together stay on one line
VIEWS = {"chosen": "Thresholds that meet a criterion", "own": "Thresholds of your own"}


def fairness_view(version: VersionInfo) -> None:
    """The groups of a column, their rates, and thresholds by group."""
    explanations = workspace().explanations
    columns = explanations.group_columns(version.model, version.version)
    if not columns:
        empty("No columns", "The version has no inputs and no dataset.", icon=":material/groups:")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        column = st.selectbox(
            "Groups of",
            list(columns),
            key="responsible_column",
            width=300,
            format_func=lambda name: f"{name}  ({columns[name]})" if columns[name] else name,
        )
        if not any(columns.values()):
            st.markdown(
                ":small[:gray[No column is declared sensitive: give the dataset the tag "
                "`sensitive`, or name columns in a fairness gate or a monitor.]]"
            )
    try:
        frame = explanations.groups(version.model, version.version, column)
    except PilothouseError as refused:
        error_box(refused)
        return
    left, right = st.columns([29, 71], gap="medium")
    with left:
        _rates(frame, column)
    with right:
        _mitigation(version, column)


def _rates(frame: pd.DataFrame, column: str) -> None:
    titles = dict(zip(frame["rate"], frame["title"], strict=True))
    rate = next(iter(titles))
    if len(titles) > 1:
        chosen = st.selectbox(
            "Rate", list(titles), key="responsible_rate", format_func=titles.__getitem__
        )
        rate = chosen if chosen in titles else rate
    rows = frame[(frame["rate"] == rate) & frame["mean"].notna()]
    total = int(frame.drop_duplicates("group")["rows"].sum())
    section(titles[rate], f"{count(total)} held-out rows by {literal(column)}")
    if rows.empty:
        st.markdown(":gray[No group has rows that count for this rate.]")
        return
    labels = [f"{g} ({count(n)})" for g, n in zip(rows["group"], rows["rate_rows"], strict=True)]
    is_share = bool(rows["is_share"].iloc[0])
    figure(
        rates_by_group(
            rows.assign(group=labels), dark=dark(), title=titles[rate], is_share=is_share
        ),
        key="responsible_rates",
        height=rows_height(len(rows)),
        alt=f"{titles[rate]} by group, with intervals: " + ", ".join(labels[:8]),
    )
    low, high = rows.loc[rows["mean"].idxmin()], rows.loc[rows["mean"].idxmax()]
    gap = high["mean"] - low["mean"]
    text = share(gap).replace(" %", " points") if is_share else f"{gap:.4g}"
    st.markdown(
        f":gray[Largest difference] **{text}** :gray[between {literal(low['group'])} and "
        f"{literal(high['group'])}; bars are 95 % intervals, rows in brackets]"
    )


def _mitigation(version: VersionInfo, column: str) -> None:
    view = st.segmented_control(
        "Thresholds", list(VIEWS), default="chosen", required=True, key="responsible_thresholds",
        format_func=VIEWS.__getitem__, label_visibility="collapsed",
    )  # fmt: skip
    try:
        if view == "own":
            _own_thresholds(version, column)
        else:
            _chosen_thresholds(version, column)
    except PilothouseError as refused:
        st.info(literal(f"{refused.message} {refused.hint or ''}"), icon=":material/info:")


def _chosen_thresholds(version: VersionInfo, column: str) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        criterion = st.selectbox(
            "Criterion", list(CRITERIA), key="responsible_criterion", width=WIDTH,
            format_func=CRITERIA.__getitem__,
        )  # fmt: skip
        tolerance = st.number_input(
            "Tolerance", 0.0, 1.0, 0.05, step=0.01, key="responsible_tolerance", width=130
        )
        objective = st.selectbox(
            "At the best", list(OBJECTIVES), key="responsible_objective", width=190,
            format_func=OBJECTIVES.__getitem__,
        )  # fmt: skip
    options: dict[str, Any] = {"tolerance": float(tolerance), "objective": objective}
    report = workspace().explanations.group_thresholds(
        version.model, version.version, column, criterion, **options
    )
    _verdict(report)
    _groups(report)
    _metrics(report)
    _small(report)
    _take_along(version, report, options)


def _verdict(report: GroupThresholds) -> None:
    before, after = report.gap_before, report.gap_after
    text = (
        f"**{CRITERIA[report.criterion]}**: largest difference {_share(before)} before, "
        f"**{_share(after)}** after, on {count(report.judged_on)} rows that chose nothing"
    )
    if report.is_met:
        st.success(text, icon=":material/check:")
    else:
        st.warning(
            f"{text}; the tolerance of {report.tolerance:g} is met on the rows that chose, and not "
            "on these",
            icon=":material/warning:",
        )


def _groups(report: GroupThresholds) -> None:
    rows = [
        {
            "Group": change.after.group,
            "Rows": count(change.after.rows),
            "Threshold": f"{change.after.threshold:.3f}",
            "Selected, %": _both(change.before.selection_rate, change.after.selection_rate),
            "TPR, %": _both(change.before.true_positive_rate, change.after.true_positive_rate),
            "FPR, %": _both(change.before.false_positive_rate, change.after.false_positive_rate),
            "Accuracy, %": _both(change.before.accuracy, change.after.accuracy),
            "Change, points": _points(change.accuracy),
        }
        for change in report.groups
    ]
    st.table(
        pd.DataFrame(rows), border="horizontal", hide_index=True, alt="Groups before and after"
    )


def _metrics(report: GroupThresholds) -> None:
    rows = [
        {
            "All groups": METRIC_TITLES[change.metric],
            "Before": f"{change.before.value:.4f}",
            "After": f"{change.after.value:.4f}",
            "Difference": _difference(change.difference),
        }
        for change in report.metrics
    ]
    st.table(pd.DataFrame(rows), border="horizontal", hide_index=True, alt="Cost over all groups")
    st.markdown(
        f":small[:gray[Thresholds were chosen on {count(report.chosen_on)} held-out rows and "
        f"judged on {count(report.judged_on)} others. The version's own threshold is "
        f"{report.own_threshold:.3f}. Intervals of 95 % by a bootstrap of "
        f"{literal(report.drawn)}.]]"
    )


def _small(report: GroupThresholds) -> None:
    if report.small:
        names = ", ".join(f"{g.group} ({count(g.rows)} rows: {g.reason})" for g in report.small)
        st.markdown(
            f":small[:orange[:material/warning: Too small, with the version's own threshold: "
            f"{literal(names)}]]"
        )


def _take_along(version: VersionInfo, report: GroupThresholds, options: dict[str, Any]) -> None:
    st.info(
        "Nothing of this is applied: a deployment decides every row by the version's own "
        "threshold. Export the thresholds for the program that decides, and record the analysis "
        "with the version. Deciding by group may be unlawful where you are.",
        icon=":material/info:",
    )
    with st.container(horizontal=True):
        st.download_button(
            "Export as JSON",
            json.dumps(report.to_json(), indent=2, ensure_ascii=False),
            f"{version.model}-{version.version}-thresholds-{report.column}.json",
            "application/json",
            icon=":material/download:",
            key="responsible_export",
        )
        if st.button("Record with the version", icon=":material/note_add:", key="responsible_keep"):
            explanations = workspace().explanations
            if run_or_show_error(
                lambda: explanations.record_group_thresholds(
                    version.model, version.version, report.column, report.criterion, **options
                )
            ):
                toast_next("The analysis is recorded, and named on the model card")
                st.rerun()


@st.fragment
def _own_thresholds(version: VersionInfo, column: str) -> None:
    """Drawn alone: a slider a group, and the confusion that it gives."""
    explanations = workspace().explanations
    start = explanations.counts_at(version.model, version.version, column, {})
    thresholds = {}
    with st.grid(2, gap="small"):
        for group in start:
            thresholds[group.group] = st.slider(
                f"{literal(group.group)} ({plural(group.rows, 'row')})", 0.0, 1.0,
                float(group.threshold), step=0.005, format="%.3f",
                key=f"responsible_own_{version.ref}_{column}_{group.group}",
            )  # fmt: skip
    counts = explanations.counts_at(version.model, version.version, column, thresholds)
    st.table(_counts_frame(counts), border="horizontal", hide_index=True, alt="Counts by group")
    st.markdown(
        ":small[:gray[On all held-out rows. Choosing by eye on them flatters the choice; nothing "
        "of it is applied.]]"
    )


def _counts_frame(counts: Sequence[GroupCounts]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "Group": group.group,
                "True pos.": count(group.tp),
                "False pos.": count(group.fp),
                "False neg.": count(group.fn),
                "True neg.": count(group.tn),
                "Selected": _rate(group.selection_rate),
                "True pos. rate": _rate(group.true_positive_rate),
                "False pos. rate": _rate(group.false_positive_rate),
                "Accuracy": _rate(group.accuracy),
            }
            for group in counts
        ]
    )


def _rate(value: float | None) -> str:
    return DASH if value is None else share(value)


def _both(before: float | None, after: float | None) -> str:
    if before is None or after is None:
        return DASH
    return f"{before * 100:.0f}{SPACE}→{SPACE}{after * 100:.0f}"


def _points(interval: FigureInterval) -> str:
    if interval.value != interval.value:
        return DASH
    low, high = signed(interval.low * 100, 1), signed(interval.high * 100, 1)
    return f"{signed(interval.value * 100, 1)} ({low} to {high})".replace(" ", SPACE)


def _share(interval: FigureInterval) -> str:
    return f"{interval.value:.3f} ({interval.low:.3f} to {interval.high:.3f})"


def _difference(interval: FigureInterval) -> str:
    if interval.value != interval.value:
        return DASH
    return f"{signed(interval.value)} ({signed(interval.low)} to {signed(interval.high)})"
