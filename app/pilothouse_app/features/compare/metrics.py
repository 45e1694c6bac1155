"""Metrics: every metric of every run, its difference to the baseline, and the evidence."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pilothouse.comparison.significance import format_p_value
from pilothouse.comparison.statistics import METHOD_TITLES
from pilothouse_app.charts.palette import palette
from pilothouse_app.components.charting import dark
from pilothouse_app.components.empty_state import nothing_found
from pilothouse_app.components.filters import filter_bar, search
from pilothouse_app.components.formats import DASH, plural
from pilothouse_app.components.header import section
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.table import table, text_column
from pilothouse_app.features.compare.cells import (
    MINUS,
    SIGNS,
    metric_name,
    palette_role,
    plain_cell,
    run_name,
    value_cell,
    with_index_column,
)
from pilothouse_app.features.compare.context import ComparisonContext
from pilothouse_app.features.experiments.metric_definitions import describe_button

MAX_SIDE_BY_SIDE = 5


def metrics_view(context: ComparisonContext) -> None:
    """The metrics, searched and with or without what is identical."""
    keys = list(dict.fromkeys(context.rows["metric"]))
    with filter_bar():
        query = search("compare_q", "Metric")
        hide = hide_identical()
        extremes = st.toggle(
            "Mark best and worst",
            key="compare_extremes",
            bind="query-params",
            persist_state="session",
            help="Marks the best and the worst comparable run of each row",
        )
        describe_button(keys)

    visible = [key for key in keys if _matches(context, key, query, hide)]
    section("Metrics", f"difference to {literal(context.baseline_label)}, the first column")
    if not visible:
        nothing_found("metrics")
        return

    if len(context.ids) > MAX_SIDE_BY_SIDE:
        _wide(context, visible, extremes=extremes)
    else:
        st.table(
            _cells(context, visible, extremes=extremes),
            border="horizontal",
            hide_index=True,
            alt="Metrics by run",
        )

    hidden = len(keys) - len(visible)
    if hidden:
        st.markdown(f":small[:gray[{plural(hidden, 'metric')} not shown.]]")
    _evidence(context, visible)


def hide_identical() -> bool:
    """The switch that leaves out rows in which nothing differs; one for all tables."""
    return st.toggle(
        "Hide identical", key="compare_hide", bind="query-params", persist_state="session"
    )


def _matches(context: ComparisonContext, key: str, query: str, hide: bool) -> bool:
    title = context.compared.kinds.of(key).title
    if query and query.lower() not in f"{title} {key}".lower():
        return False
    values = context.rows[context.rows["metric"] == key]["value"]
    return not hide or values.nunique(dropna=False) > 1


def _cells(context: ComparisonContext, keys: list[str], *, extremes: bool) -> pd.DataFrame:
    kinds = context.compared.kinds
    rows = context.rows[context.rows["metric"].isin(keys)]
    with_text = rows.assign(
        cell=[
            value_cell(row, kinds.of(row["metric"]), extremes=extremes)
            for row in rows.to_dict("records")
        ]
    )

    cells = with_text.pivot(index="metric", columns="run", values="cell").loc[keys, context.ids]
    cells = cells.rename(
        index=lambda key: metric_name(kinds.of(key)), columns=lambda run: run_name(context, run)
    )
    return with_index_column(cells, "Metric")


def _wide(context: ComparisonContext, keys: list[str], *, extremes: bool) -> None:
    """Many runs: a scrolling table with a pinned first column, with the same texts and colours."""
    kinds, colours = context.compared.kinds, palette(dark())
    rows = context.rows[context.rows["metric"].isin(keys)]
    texts, tones = {}, {}

    for row in rows.to_dict("records"):
        cell = row["metric"], context.labels[row["run"]]
        texts[cell] = plain_cell(row, kinds.of(row["metric"]), extremes=extremes)
        tones[cell] = getattr(colours, palette_role(row, kinds.of(row["metric"])))

    labels = [context.labels[run] for run in context.ids]
    cells = pd.DataFrame([[texts[key, label] for label in labels] for key in keys], columns=labels)
    looks = pd.DataFrame(
        [[f"color: {tones[key, label]}" for label in labels] for key in keys], columns=labels
    )
    heads = [f"{kinds.of(key).title} {SIGNS[kinds.direction(key)]}".rstrip() for key in keys]
    cells.index = looks.index = pd.Index(heads, name="Metric")

    st.dataframe(
        cells.style.apply(lambda _: looks, axis=None),
        row_height=32,
        height="content",
        column_config={
            "Metric": st.column_config.TextColumn(pinned=True, width=170),
            **{
                label: st.column_config.TextColumn(
                    f"{label} (baseline)" if label == context.baseline_label else label,
                    width=230 if extremes else 200,
                )
                for label in labels
            },
        },
        key="compare_wide",
        alt="Metrics by run",
    )


def _evidence(context: ComparisonContext, keys: list[str]) -> None:
    findings = context.evidence.findings
    findings = findings[findings["metric"].isin(keys)]
    opened = st.expander(
        f"Evidence ({len(findings):,})",
        icon=":material/balance:",
        key="compare_evidence",
        on_change="rerun",
    )
    if not opened.open:
        return

    with opened:
        for reason in context.evidence.left_out.values():
            st.markdown(f":orange[:material/warning:] Rows cannot be paired: {literal(reason)}")
        if findings.empty:
            st.markdown(
                ":gray[No folds, repeated seeds or shared predictions: a difference may be due to "
                "chance.]"
            )
            return
        frame = _findings_frame(context, findings)
        table(
            frame,
            {
                "metric": text_column("Metric", width=150),
                "label": text_column("Run", width=190),
                "verdict": text_column("Verdict", width=112),
                "delta": text_column("Difference", width=100),
                "low": text_column("From", width=92),
                "high": text_column("To", width=92),
                "p": text_column("p", width=90),
                "n": text_column("Sample", width=110),
                "method": text_column("Method"),
            },
            key="compare_findings",
            alt="Every finding of the evidence",
            height=min(420, 32 + 30 * (len(frame) + 1)),
        )


def _findings_frame(context: ComparisonContext, findings: pd.DataFrame) -> pd.DataFrame:
    """The findings as rows with titles, labels and texts."""
    kinds = context.compared.kinds
    return pd.DataFrame(
        {
            "id": [f"{index}" for index in range(len(findings))],
            "metric": [kinds.of(key).title for key in findings["metric"]],
            "label": [context.labels[run] for run in findings["run"]],
            "method": [METHOD_TITLES[method] for method in findings["method"]],
            "n": [f"{n:,} {unit}" for n, unit in zip(findings["n"], findings["unit"])],  # noqa: B905
            **{name: _signed(context, findings, name) for name in ("delta", "low", "high")},
            "p": [format_p_value(p) if p == p else DASH for p in findings["p"]],
            "verdict": [
                "significant" if significant else "not significant"
                for significant in findings["significant"]
            ],
        }
    )


def _signed(context: ComparisonContext, findings: pd.DataFrame, name: str) -> list[str]:
    """A column of differences, each in the format of its metric."""
    kinds = [context.compared.kinds.of(key) for key in findings["metric"]]
    return [
        kind.format_difference(value).replace("-", MINUS) if value == value else DASH
        for value, kind in zip(findings[name], kinds, strict=True)
    ]
