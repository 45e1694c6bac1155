"""Charts: pure figures, light and dark, small on the wire."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse_app import charts
from pilothouse_app.charts.base import MAX_POINTS, thin_indices
from pilothouse_app.charts.palette import DARK, LIGHT
from pilothouse_app.charts.windows import status_over_time

SVG = "{http://www.w3.org/2000/svg}"
ROC = pd.DataFrame({"fpr": [0, 0.3, 1], "tpr": [0, 0.8, 1]})
DAYS = pd.date_range("2026-01-01", periods=4, tz="UTC")
SERIES = pd.DataFrame(
    {"at": DAYS, "good": [5, 6, 7, 8], "bad": [0, 0, 1, 0], "status": ["ok", "warn", "fail", "?"]}
)


@pytest.mark.parametrize("dark", [False, True])
def test_text_follows_the_appearance(dark):
    figure = charts.roc({"a": ROC}, dark=dark)
    assert figure.layout.template.layout.font.color == (DARK if dark else LIGHT).text


def test_one_curve_needs_no_legend_and_two_do():
    assert charts.roc({"a": ROC}, dark=False).layout.showlegend is False
    assert charts.roc({"a": ROC, "b": ROC}, dark=False).layout.showlegend is True


def test_at_most_eight_curves_are_drawn():
    many = {f"run {number}": ROC for number in range(12)}
    assert len(charts.roc(many, dark=False).data) == 1 + 8


def test_a_run_keeps_its_colour_when_another_has_no_curve():
    figure = charts.roc({"a": ROC.head(0), "b": ROC}, dark=False)
    assert figure.data[1].line.color == LIGHT.categorical[1]


def test_long_curves_are_thinned_but_keep_their_ends():
    places = thin_indices(20_000)
    assert len(places) <= MAX_POINTS
    assert places[0] == 0
    assert places[-1] == 19_999


def test_figures_travel_as_single_precision():
    points = pd.DataFrame({"run": "a", "step": range(9), "value": np.linspace(0, 1, 9)})
    figure = charts.history(points, dark=False, title="Loss", names={})
    assert figure.data[0].y.dtype == np.float32


def test_parts_without_a_count_are_left_out():
    empty = SERIES.assign(bad=0)
    figure = charts.stacked_over_time(
        empty, dark=False, at="at", parts={"good": "Good", "bad": "Bad"}
    )
    assert [trace.name for trace in figure.data] == ["Good"]


def test_points_carry_the_colour_of_their_status():
    figure = charts.states_over_time(SERIES, dark=False, at="at", value="good", status="status")
    assert figure.data[0].marker.color == (LIGHT.good, LIGHT.warn, LIGHT.bad, LIGHT.muted)


def test_what_is_estimated_is_a_dotted_line_where_there_are_no_labels_yet():
    frame = pd.DataFrame(
        {"start": [1, 2], "score": [0.7, None], "status": ["ok", "insufficient"], "error": 0.01}
    )
    estimated = frame.assign(score=[0.71, 0.65], status="ok")
    drawn = status_over_time(
        frame, dark=False, value="score", status="status", error="error", estimated=estimated
    )
    lines = {trace.line.dash: list(trace.y) for trace in drawn.data if trace.line.width}
    assert lines["dot"] == pytest.approx([0.71, 0.65])
    assert lines[None] == pytest.approx([0.7])


def test_what_is_over_the_threshold_is_red():
    frame = pd.DataFrame({"column": ["a", "b"], "psi": [0.1, 0.4]})
    figure = charts.ranked(
        frame, dark=False, label="column", value="psi", title="PSI", threshold=0.2
    )
    assert figure.data[0].y == ("a", "b")
    assert figure.data[0].marker.color == (LIGHT.accent, LIGHT.bad)


def test_a_confusion_matrix_is_shaded_by_share_of_the_row():
    figure = charts.confusion(["no", "yes"], [[8, 2], [0, 0]], dark=True)
    assert [list(row) for row in figure.data[0].z] == [[0.8, 0.2], [0, 0]]


def test_parallel_coordinates_are_plain_json_with_the_baseline_thicker():
    frame = pd.DataFrame({"label": ["a", "b"], "auc": [0.7, 0.7], "kind": ["x", "y"]})
    axes = [charts.Axis("kind", "Kind", ["x", "y"]), charts.Axis("auc", "AUC")]
    spec = charts.parallel(frame, axes, dark=False, names="label", baseline="b")
    assert json.loads(json.dumps(spec))["animation"] is False
    widths = [line["lineStyle"]["width"] for line in spec["series"]]
    assert widths[1] > widths[0]


def test_two_distributions_stand_side_by_side():
    frame = pd.DataFrame({"label": ["0", "1"], "reference": [0.4, 0.6], "current": [0.5, 0.5]})
    figure = charts.two_distributions(frame, dark=True)
    assert [trace.name for trace in figure.data] == ["Reference", "Current"]


def test_counts_that_move_are_plain_json_over_the_whole_span():
    span = (DAYS[0].to_pydatetime(), DAYS[-1].to_pydatetime())
    spec = charts.counts_over_time(
        SERIES, dark=True, at="at", parts={"good": "Good", "bad": "Bad"},
        colours={"good": "good", "bad": "bad"}, span=span,
    )  # fmt: skip
    told = json.loads(json.dumps(spec))
    assert [len(series["data"]) for series in told["series"]] == [4, 1]
    assert told["xAxis"]["max"] == DAYS[-1].timestamp() * 1000


def test_differences_have_an_interval_only_where_they_are_comparable() -> None:
    frame = pd.DataFrame(
        {
            "label": ["b", "c", "d"],
            "delta": [0.02, -0.01, 0.3],
            "low": [0.01, float("nan"), -1.0],
            "high": [0.03, float("nan"), 1.0],
            "verdict": ["better", "worse", "noise"],
            "comparable": [True, True, False],
        }
    )
    drawn = ElementTree.fromstring(
        charts.intervals(frame, dark=False, title="ROC AUC", alt="b <is> best", tolerance=0.005)
    )
    assert drawn.get("aria-label") == "b <is> best"
    runs = drawn.findall(f"{SVG}g")
    told = [run.findtext(f"{SVG}title") for run in runs]
    assert told == ["b: +0.02 (+0.01 to +0.03)", "c: \u22120.01", "d: +0.3"]
    assert [len(run.findall(f"{SVG}line")) for run in runs] == [1, 0, 0]
    marks = [run.find(f"{SVG}circle") for run in runs]
    assert len({mark.get("fill") for mark in marks if mark is not None}) == 3


@given(
    deltas=st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=9),
    tolerance=st.none() | st.floats(0, 1e6),
    name=st.text(),
)
def test_a_difference_of_any_size_lies_within_its_drawing(
    deltas: list[float], tolerance: float | None, name: str
) -> None:
    frame = pd.DataFrame(
        {"label": name, "delta": deltas, "low": deltas, "high": deltas,
         "verdict": "better", "comparable": True}
    )  # fmt: skip
    drawn = charts.intervals(frame, dark=True, title="t", alt="a", tolerance=tolerance)
    places = [float(place) for place in re.findall(r"cx='([0-9.e+-]+)%'", drawn)]
    assert len(places) == len(deltas)
    assert all(0 <= place <= 100 for place in places)
    by_size = [place for _, place in sorted(zip(deltas, places, strict=True))]
    assert by_size == sorted(by_size)


def test_the_baseline_is_dashed_and_a_threshold_is_a_point_on_each_curve() -> None:
    curves = {name: pd.DataFrame({"fpr": [0, 1], "tpr": [0, 1]}) for name in ("a", "b")}
    figure = charts.roc(curves, dark=True, baseline="a", marks={"b": (0.2, 0.6)})
    dashes = {trace.name: trace.line.dash for trace in figure.data if trace.mode == "lines"}
    assert (dashes["a"], dashes["b"]) == ("dash", None)
    (mark,) = [trace for trace in figure.data if trace.mode == "markers"]
    assert (mark.name, mark.x[0], mark.y[0]) == ("b", 0.2, 0.6)


def test_a_run_keeps_its_colour_where_another_has_no_points() -> None:
    points = pd.DataFrame({"run": ["y"] * 2, "step": [1, 2], "minutes": [0.5, 1], "value": [3, 4]})
    names = {"x": "first", "y": "second"}
    both = pd.concat([points, points.assign(run="x")])
    alone = charts.over_steps(points, dark=False, title="Loss", names=names, log=True, target=2.0)
    beside = charts.over_steps(both, dark=False, title="Loss", names=names, x="minutes")
    colour = next(trace.line.color for trace in beside.data if trace.name == "second")
    assert [trace.line.color for trace in alone.data] == [colour]
    assert alone.layout.yaxis.type == "log"


def test_what_a_metric_follows_is_coloured_by_its_sign() -> None:
    frame = pd.DataFrame(
        {
            "param": ["up", "down", "words"],
            "importance": [0.5, 0.3, -0.1],
            "std": [0.1, 0.1, 0.1],
            "correlation": [0.8, -0.7, float("nan")],
        }
    )
    (bars,) = charts.param_importance(frame, dark=False).data
    assert list(bars.y) == ["words", "down", "up"]
    assert len(set(bars.marker.color)) == 3
    assert min(bars.x) == 0


def test_lines_that_are_not_chosen_fade() -> None:
    frame = pd.DataFrame({"label": ["a", "b"], "x": [1.0, 2.0]})
    axes = [charts.Axis("x", "X")]
    spec = charts.parallel(frame, axes, dark=False, names="label", baseline="a", chosen={"b"})
    looks = {series["name"]: series["lineStyle"] for series in spec["series"]}
    assert looks["a"]["opacity"] < 0.2 < looks["b"]["opacity"]
    assert looks["a"]["type"] == "dashed"
