"""Summary: which run is best, by how much, whether that is more than noise, and what to mind."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from pilothouse.comparison.agreement import DIFFERS, UNKNOWN, compare_values, recorded_data
from pilothouse_app import charts
from pilothouse_app.components.charting import dark
from pilothouse_app.components.filters import choose_one, filter_bar
from pilothouse_app.components.formats import DASH, count, plural
from pilothouse_app.components.header import section
from pilothouse_app.components.kpis import Kpi, kpi_row
from pilothouse_app.components.links import address, link
from pilothouse_app.components.markdown import literal
from pilothouse_app.features.compare.cells import (
    DIRECTION_NOTES,
    badge,
    delta_text,
    no_break,
    run_name,
)
from pilothouse_app.features.compare.context import ComparisonContext
from pilothouse_app.features.experiments.metric_definitions import describe_button

if TYPE_CHECKING:
    from pilothouse.comparison.comparison import Comparison
    from pilothouse.experiments.details import RunInfo

DATA_CONTEXT = {
    "same": "the same data",
    "differs": "see Data",
    "unknown": "unknown whether the same",
}
ICONS = {
    "better": ":green[:material/trending_up:]",
    "worse": ":red[:material/trending_down:]",
    "noise": ":gray[:material/drag_handle:]",
    "same": ":gray[:material/drag_handle:]",
}


def summary_view(context: ComparisonContext) -> None:
    """The verdict first, then the runs by one metric, then what else differs."""
    keys = list(dict.fromkeys(context.rows["metric"]))
    if not keys:
        st.markdown(":gray[None of these runs has a metric yet.]")
        return

    kinds = context.compared.kinds
    with filter_bar():
        metric = choose_one(
            "compare_metric",
            keys,
            "Metric",
            default=context.compared.deciding or keys[0],
            format_func=lambda key: f"By {kinds.of(key).title}",
            width=260,
        )
        describe_button([metric, *(key for key in keys if key != metric)])

    _verdict(context, metric)
    rows = ordered_rows(context, metric)
    left, right = st.columns([12, 8], gap="small")
    with left, st.container(border=True, height="stretch"):
        _table(context, rows, metric)
    with right, st.container(border=True, height="stretch"):
        _differences(context, rows, metric)
    _what_differs(context)
    with st.container(horizontal=True, gap="medium"):
        for run in context.compared.runs:
            link(address("run", run.id), context.labels[run.id], icon=":material/timeline:")


def _verdict(context: ComparisonContext, metric: str) -> None:
    verdict = context.verdict(metric)
    if verdict is None:
        return
    with st.container(border=True, key="compare_verdict"):
        icon = ICONS.get(verdict.verdict, ":gray[:material/anchor:]")
        st.markdown(f"#### {icon} {literal(verdict.sentence)}", anchors=False)
        lines = [f":gray[{literal(verdict.evidence)}]"] if verdict.evidence else []
        lines += [f":orange[:material/warning:] {literal(caution)}" for caution in verdict.cautions]
        if lines:
            st.markdown("  \n".join(lines))


def ordered_rows(context: ComparisonContext, metric: str) -> pd.DataFrame:
    """The baseline, then the others, the best first."""
    rows = context.rows[context.rows["metric"] == metric]
    is_baseline = rows["run"] == context.compared.baseline
    higher = context.compared.kinds.direction(metric) == "higher"
    others = rows[~is_baseline].sort_values("value", ascending=not higher, na_position="last")
    return pd.concat([rows[is_baseline], others], ignore_index=True)


def _table(context: ComparisonContext, rows: pd.DataFrame, metric: str) -> None:
    kind = context.compared.kinds.of(metric)
    section(literal(kind.title), DIRECTION_NOTES[kind.direction])
    cells = [
        {
            "Run": run_name(context, row["run"]),
            "Value": no_break(kind.format_value(row["value"])),
            "Against the baseline": badge(row, kind) or DASH,
            "Evidence": _evidence(row, context),
        }
        for row in rows.to_dict("records")
    ]

    st.table(
        pd.DataFrame(cells), border="horizontal", hide_index=True, alt="Runs by the chosen metric"
    )


def _evidence(row: dict[object, object], context: ComparisonContext) -> str:
    from pilothouse.comparison.verdict import describe_evidence

    if row["verdict"] == "baseline":
        return DASH
    text = describe_evidence(row)
    text = text.replace(" = ", "\u00a0=\u00a0").replace(" < ", "\u00a0<\u00a0")
    return f":small[:gray[{literal(text)}]]" if text else ":small[:gray[none]]"


def differences_svg(
    context: ComparisonContext, rows: pd.DataFrame, metric: str, *, dark: bool
) -> str:
    """The differences of ordered rows to the baseline as SVG; empty when no run has both values."""
    kind = context.compared.kinds.of(metric)
    others = rows[(rows["verdict"] != "baseline") & rows["delta"].abs().lt(math.inf)]
    if others.empty:
        return ""
    best = others.to_dict("records")[0]
    return charts.intervals(
        others,
        dark=dark,
        title=kind.title,
        alt=f"Difference to the baseline by run; {best['label']} has {delta_text(best, kind)}",
        tolerance=kind.tolerance,
    )


def _differences(context: ComparisonContext, rows: pd.DataFrame, metric: str) -> None:
    section(f"Difference to {literal(context.baseline_label)}", "95 % intervals")
    drawn = differences_svg(context, rows, metric, dark=dark())
    if drawn:
        st.markdown(f"<div>{drawn}</div>", unsafe_allow_html=True)
    else:
        st.markdown(":gray[No other run has a value to compare.]")


def _what_differs(context: ComparisonContext) -> None:
    compared = context.compared
    params = compared.params
    commits = {run.commit for run in compared.runs if run.commit}
    datasets = {name for run in compared.runs for name, _ in recorded_data(run)}
    shared = len(context.ids) - 1 - len(context.evidence.left_out) if context.evidence.rows else 0

    kpi_row(
        [
            Kpi(
                "Parameters that differ",
                count(int(params["differs"].sum())),
                f"{count(int((~params['differs']).sum()))} are equal",
            ),
            Kpi("Commits", count(len(commits)) if commits else DASH, _code_context(compared.runs)),
            _packages_kpi(compared),
            Kpi(
                "Datasets",
                count(len(datasets)) if datasets else DASH,
                DATA_CONTEXT[compared.agreement("data").state] if datasets else "none recorded",
            ),
            Kpi(
                "Shared held-out rows",
                count(context.evidence.rows) if context.evidence.rows else DASH,
                f"{plural(shared, 'run')} paired" if shared else "none paired",
            ),
        ]
    )


def _code_context(runs: Sequence[RunInfo]) -> str:
    """Whether the runs had the same code; uncommitted changes are not in a commit."""
    commits = [run.commit for run in runs]
    if not any(commits):
        return "none recorded"
    state = compare_values(commits)
    if state == UNKNOWN:
        return f"not recorded for {plural(commits.count(None), 'run')}"
    if state == DIFFERS:
        return "see Parameters and code"
    return "the same code" if not any(run.dirty for run in runs) else "with uncommitted changes"


def _packages_kpi(compared: Comparison) -> Kpi:
    """How many packages differ; unknown unless every run recorded them."""
    title, packages = "Packages that differ", compared.environment
    silent = len(compared.runs) - len(compared.packages_from)
    if not compared.packages_from:
        return Kpi(title, DASH, "none recorded")
    if silent:
        return Kpi(title, DASH, f"not recorded for {plural(silent, 'run')}")
    differing = count(int(packages["differs"].sum()))
    return Kpi(title, differing, f"of {count(len(packages))} recorded")
