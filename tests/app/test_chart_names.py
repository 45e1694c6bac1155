"""Names of people in charts: every chart function draws them letter by letter."""

from __future__ import annotations

import html
import importlib
import inspect
import json
import pkgutil
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from xml.etree import ElementTree

import pandas as pd
import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse_app import charts
from pilothouse_app.charts.base import MAX_NAME_LENGTH, distinct, literal, plain
from pilothouse_app.charts.step_graph import GraphStep

A = "<b>n</b><br>%{x} &lt;i&gt; {a|b} <extra></extra>"
B = "<a href='javascript:1'>&amp;</a> %{y:.2%} $x$ {b} {c0}"
PAIR = [A, B]
DAYS = pd.date_range("2026-01-01", periods=2, tz="UTC")
SPAN = (DAYS[0].to_pydatetime(), DAYS[1].to_pydatetime())
CURVE = pd.DataFrame(
    {name: [0.1, 0.9] for name in ("fpr", "tpr", "recall", "precision", "predicted", "observed")}
    | {"threshold": [0.1, 0.9], "cost": [1.0, 2.0]}
)
CURVES = {A: CURVE, B: CURVE}
OVER_TIME: Mapping[str, Any] = {
    "at": DAYS,
    "start": DAYS,
    "value": [1.0, 2.0],
    "status": ["ok", "fail"],
    "rows": [5, 6],
    "labelled": [3, 4],
    "requests": [3, 4],
    "errors": [0, 1],
    "p50_ms": [1.0, 2.0],
    "p95_ms": [2.0, 3.0],
    A: [1, 2],
    B: [2, 1],
}
TIMES = pd.DataFrame(OVER_TIME)
BINS = pd.DataFrame(
    {"label": PAIR, "low": [float("nan")] * 2, "reference": [0.4, 0.6], "current": [0.5, 0.5]}
)
PARAMS = pd.DataFrame(
    {"param": PAIR, "importance": [0.4, 0.2], "std": [0.1, 0.1], "correlation": [0.3, -0.2]}
)
STEPS = pd.DataFrame({"run": PAIR, "step": [1, 2], "value": [1.0, 2.0]})
LABELLED = pd.DataFrame({"label": PAIR, "value": [1.0, 2.0], "group": PAIR})
COURSES = pd.DataFrame(
    {"key": PAIR, "x": [1.0, 2.0], "value": [1.0, 2.0], "smooth": [1.0, 2.0], "at": DAYS}
)
DRIFT = pd.DataFrame(
    {
        "start": DAYS,
        "column": PAIR,
        "score": [0.1, 0.2],
        "threshold": [0.2, 0.2],
        "noise": [None, 0.3],
    }
)
JOB_STEPS = pd.DataFrame(
    {
        "seq": [1, 2],
        "name": PAIR,
        "status": ["succeeded", "failed"],
        "started_at": DAYS,
        "ended_at": DAYS + pd.Timedelta(seconds=5),
    }
)
VERSIONS = pd.DataFrame({"version": [1, 2], "stage": ["production", "none"], "value": [0.1, 0.2]})
DIFFERENCES = pd.DataFrame(
    {
        "label": PAIR,
        "delta": [0.1, -0.1],
        "low": [0.0, -0.2],
        "high": [0.2, 0.0],
        "verdict": ["better", "worse"],
        "comparable": [True, True],
    }
)
WIDE = pd.DataFrame({"label": PAIR, "word": PAIR, "value": [1.0, 2.0]})
TREND = DRIFT.assign(status=["ok", "fail"], standard_error=[0.1, None], reference=[0.2, 0.2])
EVENTS = pd.DataFrame({"at": DAYS, "kind": ["alert", "deployment"], "text": PAIR})
LINES = {
    "type": "line", "title": A, "x_title": A, "y_title": B,
    "lines": [{"name": A, "x": [1, 2], "y": [0.1, 0.2]}, {"name": B, "x": [1, 2], "y": [1.0, 2.0]}],
}  # fmt: skip
REPLAYED = TIMES.assign(
    end=DAYS + pd.Timedelta(days=1), standard_error=0.1, limit_now=0.5, limit_tried=0.6,
    status_now="ok", status_tried="fail", fall=[True, None],
)  # fmt: skip
EPISODES = pd.DataFrame(
    {
        "settings": ["now", "tried"], "rule": PAIR, "severity": ["critical", "info"],
        "first": DAYS, "fired": [DAYS[1], pd.NaT], "cleared": [pd.NaT, DAYS[1]],
    }
)  # fmt: skip
# What each chart function is called with: names of people wherever it takes one.
CALLS: Mapping[str, Mapping[str, Any]] = {
    "matrix.association_matrix": {"names": [A, B], "strengths": [[None, 0.5], [0.5, None]]},
    "group_shares.group_cells": {"parts": [A, B], "shares": [[1, 0], [0, 1]], "groups": [B, A]},
    "group_shares.group_lines": {
        "edges": [0, 1, 2], "shares": [[1, 0], [0, 1]], "groups": [A, B], "ordered": False,
        "others": True, "is_time": False, "x": A,
    },
    "annotated.annotated_timeline": {
        "metric": TREND, "drift": TREND, "events": EVENTS, "estimate": TREND, "title": A,
    },
    "event_lanes.event_lanes": {
        "frame": EVENTS.assign(lane=A, event=A, title=B, by=A),
    },
    "step_graph.step_graph": {
        "steps": [GraphStep(A, B, "failed"), GraphStep(B, A)], "edges": [(A, B)], "chosen": A,
    },
    "bars.ranked": {"frame": LABELLED, "label": "label", "value": "value", "title": A},
    "bars.two_distributions": {"frame": BINS, "names": (A, B), "title": A},
    "bars.grouped": {
        "frame": LABELLED, "label": "label", "value": "value", "group": "group", "order": PAIR,
    },
    "bars.histogram": {"labels": PAIR, "counts": [1, 2], "x": A},
    "bars.frequencies": {"labels": PAIR, "counts": [1, 2]},
    "bars.stacked_over_time": {"frame": TIMES, "at": "at", "parts": {A: A, B: B}, "y": A},
    "comparison.param_importance": {"frame": PARAMS},
    "comparison.over_steps": {
        "frame": STEPS, "title": A, "names": {A: A, B: B}, "x_title": B, "target": 1.0,
    },
    "smoothed.smoothed": {"frame": COURSES, "titles": {A: A, B: B}, "x": A, "smooth": True},
    "curves.roc": {"curves": CURVES, "marks": {A: (0.1, 0.2)}},
    "curves.precision_recall": {"curves": CURVES, "base_rate": 0.1},
    "curves.calibration": {"curves": CURVES},
    "curves.cost": {"curves": CURVES, "threshold": 0.5},
    "curves.history": {"frame": STEPS, "title": A, "names": {A: A}},
    "documents.figure_of": {"document": LINES},
    "documents.overlay_of": {"documents": {A: LINES, B: LINES}, "baseline": A},
    "drift.drift_heatmap": {"frame": DRIFT, "order": PAIR, "titles": PAIR},
    "drift.distributions": {"frame": BINS},
    "explanation_charts.rates_by_group": {
        "frame": pd.DataFrame({"group": PAIR, "mean": [0.1, 0.2], "low": [0, 0], "high": [1, 1]}),
        "title": A, "is_share": True,
    },
    "explanation_charts.contributions": {
        "frame": pd.DataFrame({"label": PAIR, "contribution": [0.2, -0.1], "error": [0.1, 0.1]}),
        "title": B,
    },
    "explanation_charts.dependence_curves": {
        "values": PAIR, "means": {A: [0.1, 0.2], B: [0.3, 0.1]}, "single_rows": [[0.1, 0.2]],
        "x": A, "y": B,
    },
    "intervals.intervals": {"frame": DIFFERENCES, "title": A, "alt": B},
    "matrix.confusion": {"labels": PAIR, "matrix": [[3, 1], [0, 4]]},
    "live.counts_over_time": {
        "frame": TIMES, "at": "at", "parts": {A: A, B: B}, "colours": {A: "good", B: "bad"},
        "span": SPAN,
    },
    "parallel.parallel": {
        "frame": WIDE, "axes": [charts.Axis("word", A, PAIR), charts.Axis("value", B)],
        "names": "label", "baseline": A,
    },
    "series.over_time": {
        "frame": TIMES, "at": "at", "lines": {A: A, B: B}, "y": A, "threshold": 1.0,
        "threshold_label": B,
    },
    "quality_by_version.checked_versions": {
        "frame": pd.DataFrame(
            {"version": [1, 2], "value": [0.1, None], "low": [0.0, None], "high": [0.5, 0.6],
             "status": ["passed", "error"]}
        ),
        "y": A,
    },
    "series.states_over_time": {
        "frame": TIMES, "at": "at", "value": "value", "status": "status", "y": A,
        "threshold": 1.0, "threshold_label": B,
    },
    "series.by_group": {
        "frame": COURSES, "at": "at", "value": "value", "group": "key", "y": A,
    },
    "replay.replay_chart": {"windows": REPLAYED, "episodes": EPISODES, "title": A},
    "timeline.steps_timeline": {"frame": JOB_STEPS},
    "traffic.requests": {"frame": TIMES, "span": SPAN},
    "traffic.latency": {"frame": TIMES, "span": SPAN},
    "versions.metric_by_version": {"frame": VERSIONS, "value": "value", "y": A},
    "windows.status_over_time": {
        "frame": TIMES, "value": "value", "status": "status", "reference": 1.0, "limit": 2.0,
    },
    "windows.rows_over_time": {"frame": TIMES},
    "windows.lines_over_time": {"frame": TIMES[["start", A, B]]},
}  # fmt: skip
NAMELESS = {
    *("traffic.requests", "traffic.latency"),
    *("windows.status_over_time", "windows.rows_over_time"),
}
TAG = re.compile(r"<[^<>]*>")  # as plotly.js splits a text


def chart_functions() -> dict[str, Callable[..., Any]]:
    """Every public function of the charts that draws: it takes the appearance."""
    functions = {}
    for module in pkgutil.iter_modules(charts.__path__):
        loaded = importlib.import_module(f"{charts.__name__}.{module.name}")
        for name, function in inspect.getmembers(loaded, inspect.isfunction):
            is_own = function.__module__ == loaded.__name__ and not name.startswith("_")
            if is_own and module.name not in ("base", "palette"):
                functions[f"{module.name}.{name}"] = function
    return {
        name: function
        for name, function in functions.items()
        if "dark" in inspect.signature(function).parameters
    }


def test_every_chart_function_is_tried() -> None:
    assert set(chart_functions()) == set(CALLS)


@pytest.mark.parametrize("name", sorted(CALLS))
@pytest.mark.parametrize("dark", [False, True])
def test_names_are_drawn_letter_by_letter(name: str, dark: bool) -> None:
    drawn = chart_functions()[name](**CALLS[name], dark=dark)
    if isinstance(drawn, go.Figure):
        texts = list(_texts_of_plotly(json.loads(drawn.to_json())))
    elif isinstance(drawn, str):
        texts = [text for element in ElementTree.fromstring(drawn).iter() for text in
                 (element.text or "", *element.attrib.values())]  # fmt: skip
    else:
        texts = list(_texts_of_echarts(drawn))
    if name not in NAMELESS:
        assert any(plain(text, 30)[:-1] in read for text in PAIR for read in texts)


def _texts_of_plotly(value: Any, key: str = "") -> Iterator[str]:
    """Texts of a figure as plotly.js draws them: no tag of a person's, entities decoded."""
    if isinstance(value, dict):
        for inner, part in value.items():
            yield from _texts_of_plotly(part, inner)
    elif isinstance(value, list):
        for part in value:
            yield from _texts_of_plotly(part, key)
    elif isinstance(value, str):
        if key in ("hovertemplate", "texttemplate"):
            assert "href" not in value
            assert "<b>" not in value
        else:
            # The figures of a confusion matrix stand below each other.
            assert set(TAG.findall(value)) <= ({"<br>"} if key == "text" else set()), value
            yield html.unescape(value)


def _texts_of_echarts(value: Any, key: str = "") -> Iterator[str]:
    """Texts of a specification: no name is in a template, or text with styles."""
    if isinstance(value, dict):
        assert "rich" not in value
        for inner, part in value.items():
            yield from _texts_of_echarts(part, inner)
    elif isinstance(value, list):
        for part in value:
            yield from _texts_of_echarts(part, key)
    elif isinstance(value, str):
        assert key != "formatter" or value in ("{HH}:{mm}", "{d} {MMM}")
        assert "&lt;b" not in value
        yield value


@given(st.text(), st.integers(3, 80))
def test_an_escaped_name_reads_as_the_plain_one_and_holds_no_tag(text: str, longest: int) -> None:
    name = literal(text, longest)
    assert not TAG.search(name)
    read = name.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    assert read == plain(text, longest)
    assert len(read) <= max(longest, len("(empty)"))


@given(st.lists(st.text(alphabet="ab \n", max_size=4) | st.text("x", min_size=70, max_size=80)))
def test_different_labels_never_become_one_category(labels: list[str]) -> None:
    drawn = distinct(labels)
    assert len(drawn) == len(labels)
    assert len(set(drawn)) == len(set(labels))
    assert len(set(zip(labels, drawn, strict=True))) == len(set(labels))


def test_numbers_and_dates_as_names_stay_names() -> None:
    frame = pd.DataFrame({"label": ["007", "2026-01-01"], "value": [1.0, 2.0], "group": "run"})
    ranked = charts.ranked(frame, dark=False, label="label", value="value", title="PSI")
    grouped = charts.grouped(
        frame, dark=False, label="label", value="value", group="group", order=["run"]
    )
    assert {ranked.layout.yaxis.type, grouped.layout.yaxis.type} == {"category"}


def test_a_long_name_is_cut_by_us_and_not_within_an_entity_by_plotly() -> None:
    curve = {"<" * 200: CURVE}
    figure = charts.roc(curve, dark=False)
    assert figure.data[1].name == "&lt;" * (MAX_NAME_LENGTH - 1) + "…"
    assert figure.layout.template.layout.hoverlabel.namelength == -1
