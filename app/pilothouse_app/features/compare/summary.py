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
from pilothouse_app.components.diff import literal
from pilothouse_app.components.filters import choose_one, filter_bar
from pilothouse_app.components.formats import DASH, count, plural
from pilothouse_app.components.header import section
from pilothouse_app.components.kpis import Kpi, kpi_row
from pilothouse_app.components.links import address, link
from pilothouse_app.features.compare.cells import BETTER, badge, delta_text, run_name, unbroken
from pilothouse_app.features.compare.context import ComparisonContext
from pilothouse_app.features.experiments.metric_definitions import describe_button

if TYPE_CHECKING:
    from pilothouse.comparison.comparison import Comparison
    from pilothouse.experiments.details import RunInfo

DATA_CONTEXT = {
    "same": "the same data",
    "differs": "see Data",
    "unknown": "not known whether the same",
}
ICONS = {
    "better": ":green[:material/trending_up:]",
    "worse": ":red[:material/trending_down:]",
    "noise": ":gray[:material/drag_handle:]",
    "same": ":gray[:material/drag_handle:]",
}


def summary_view(scene: ComparisonContext) -> None:
    """The verdict first, then the runs by one metric, then what else differs."""
    keys = list(dict.fromkeys(scene.rows["metric"]))
    if not keys:
        st.markdown(":gray[None of these runs has a metric yet.]")
        return
    kinds = scene.compared.kinds
    with filter_bar():
        metric = choose_one(
            "compare_metric",
            keys,
            "Metric",
            default=scene.compared.deciding or keys[0],
            words=lambda key: f"By {kinds.of(key).title}",
            width=260,
        )
        describe_button([metric, *(key for key in keys if key != metric)])
    _verdict(scene, metric)
    rows = ordered(scene, metric)
    left, right = st.columns([12, 8], gap="small")
    with left, st.container(border=True, height="stretch"):
        _table(scene, rows, metric)
    with right, st.container(border=True, height="stretch"):
        _differences(scene, rows, metric)
    _what_differs(scene)
    with st.container(horizontal=True, gap="medium"):
        for run in scene.compared.runs:
            link(address("run", run.id), scene.labels[run.id], icon=":material/timeline:")


def _verdict(scene: ComparisonContext, metric: str) -> None:
    told = scene.standing(metric)
    if told is None:
        return
    with st.container(border=True, key="compare_verdict"):
        icon = ICONS.get(told.verdict, ":gray[:material/anchor:]")
        st.markdown(f"#### {icon} {literal(told.sentence)}", anchors=False)
        lines = [f":gray[{literal(told.evidence)}]"] if told.evidence else []
        lines += [f":orange[:material/warning:] {literal(each)}" for each in told.cautions]
        if lines:
            st.markdown("  \n".join(lines))


def ordered(scene: ComparisonContext, metric: str) -> pd.DataFrame:
    """The baseline, then the others, the best first."""
    rows = scene.rows[scene.rows["metric"] == metric]
    is_baseline = rows["run"] == scene.compared.baseline
    higher = scene.compared.kinds.direction(metric) == "higher"
    others = rows[~is_baseline].sort_values("value", ascending=not higher, na_position="last")
    return pd.concat([rows[is_baseline], others], ignore_index=True)


def _table(scene: ComparisonContext, rows: pd.DataFrame, metric: str) -> None:
    kind = scene.compared.kinds.of(metric)
    section(literal(kind.title), BETTER[kind.direction])
    cells = [
        {
            "Run": run_name(scene, row["run"]),
            "Value": unbroken(kind.write(row["value"])),
            "Against the baseline": badge(row, kind) or DASH,
            "Evidence": _evidence(row, scene),
        }
        for row in rows.to_dict("records")
    ]
    st.table(
        pd.DataFrame(cells), border="horizontal", hide_index=True, alt="Runs by the chosen metric"
    )


def _evidence(row: dict[object, object], scene: ComparisonContext) -> str:
    from pilothouse.comparison.verdict import evidence_words

    if row["verdict"] == "baseline":
        return DASH
    told = evidence_words(row)
    told = told.replace(" = ", "\u00a0=\u00a0").replace(" < ", "\u00a0<\u00a0")
    return f":small[:gray[{literal(told)}]]" if told else ":small[:gray[none]]"


def drawn_differences(
    scene: ComparisonContext, rows: pd.DataFrame, metric: str, *, dark: bool
) -> str:
    """The differences of ordered rows to the baseline as SVG; empty when no run has both values."""
    kind = scene.compared.kinds.of(metric)
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


def _differences(scene: ComparisonContext, rows: pd.DataFrame, metric: str) -> None:
    section(f"Difference to {literal(scene.baseline_label)}", "95 % intervals")
    drawn = drawn_differences(scene, rows, metric, dark=dark())
    if drawn:
        st.markdown(f"<div>{drawn}</div>", unsafe_allow_html=True)
    else:
        st.markdown(":gray[No run has both values.]")


def _what_differs(scene: ComparisonContext) -> None:
    compared = scene.compared
    params = compared.params
    commits = {run.commit for run in compared.runs if run.commit}
    datasets = {name for run in compared.runs for name, _ in recorded_data(run)}
    shared = len(scene.ids) - 1 - len(scene.evidence.left_out) if scene.evidence.rows else 0
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
                count(scene.evidence.rows) if scene.evidence.rows else DASH,
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
    """How many packages differ; not known unless every run recorded them."""
    title, packages = "Packages that differ", compared.environment
    silent = len(compared.runs) - len(compared.packages_from)
    if not compared.packages_from:
        return Kpi(title, DASH, "none recorded")
    if silent:
        return Kpi(title, DASH, f"not recorded for {plural(silent, 'run')}")
    differing = count(int(packages["differs"].sum()))
    return Kpi(title, differing, f"of {count(len(packages))} recorded")
