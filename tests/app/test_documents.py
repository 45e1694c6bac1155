"""Evaluation documents as figures: every type, every task, alone and overlaid."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from pilothouse.models.tasks import tasks
from pilothouse_app import charts
from pilothouse_app.charts.documents import is_document, is_table, table_of, title_of
from pilothouse_app.charts.palette import DARK, LIGHT

DAY = 86_400_000
AT = [1_700_000_000_000 + DAY * row for row in range(4)]
HISTOGRAM = {"type": "histogram", "title": "Errors", "edges": [-2, 0, 1], "count": [6, 2]}
BARS = {
    "type": "bars", "title": "By decile", "x": ["1.5", "2.5"], "y": [0.4, None], "rows": [1200, 7],
}  # fmt: skip


def drawable() -> Iterator[tuple[str, dict[str, Any]]]:
    """The documents of every task's example that say by a type how they are drawn."""
    for name in tasks.names():
        task = tasks.get(name)
        signature, rows, labels = task.example.signature, task.example.rows, task.example.labels
        columns = {key: np.array(part) for key, part in task.decide(signature, rows).items()}
        documents = task.documents(signature, columns, task.truth(signature, labels), AT)
        for path, document in json.loads(json.dumps(documents)).items():
            if "type" in document:
                yield f"{name}/{path}", document


DOCUMENTS = dict(drawable())


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
@pytest.mark.parametrize("dark", [False, True])
def test_every_document_of_a_task_draws_in_the_colours_of_the_appearance(name, dark):
    document = DOCUMENTS[name]
    assert is_document(document)
    if is_table(document):
        assert len({len(values) for values in table_of(document).values()}) == 1
        return
    colours = DARK if dark else LIGHT
    for figure in (
        charts.figure_of(document, dark=dark),
        charts.overlay_of({"a": document, "b": document}, dark=dark, baseline="a"),
    ):
        assert figure.layout.template.layout.font.color == colours.text
        assert all(len(trace.x) == len(trace.y) for trace in figure.data)
        assert json.loads(figure.to_json())["data"]


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {"type": "pie"},
        {"type": "line", "lines": []},
        {"type": "line", "lines": [{"x": [1], "y": [1, 2]}]},
        {"type": "scatter", "x": [1], "y": ["a"]},
        {"type": "bars", "x": ["a"], "y": [1], "rows": [1, 2]},
        {"type": "histogram", "edges": [0, 1], "count": [1, 2]},
        {"type": "histogram", "edges": [0, None], "count": [1]},
        {"type": "table", "columns": {"a": [1], "b": []}},
        {"type": "table", "columns": 7},
    ],
)
def test_a_value_that_cannot_be_drawn_is_no_document(value):
    assert not is_document(value)


def test_a_histogram_has_bars_as_wide_as_its_bins():
    bars = charts.figure_of(HISTOGRAM, dark=False).data[0]
    assert bars.x.tolist() == [-1, 0.5]
    assert bars.width.tolist() == [2, 1]
    assert bars.y.tolist() == [6, 2]


def test_overlaid_histograms_are_densities_of_each_run():
    other = {**HISTOGRAM, "edges": [-1, 0, 1], "count": [30, 10]}
    figure = charts.overlay_of({"a": HISTOGRAM, "b": other}, dark=False)
    for trace, widths in zip(figure.data, ([2, 1], [1, 1]), strict=True):
        assert sum(trace.y[:2] * widths) == pytest.approx(1)
        assert trace.y[-1] == 0
    assert [trace.name for trace in figure.data] == ["a", "b"]


def test_bars_tell_how_many_rows_are_behind_them_and_leave_a_gap_without_a_value():
    bars = charts.figure_of(BARS, dark=False).data[0]
    assert list(bars.customdata) == [", 1,200 rows", ", 7 rows"]
    assert np.isnan(bars.y[1])


def test_bars_of_runs_at_other_numbers_become_points_on_one_axis():
    other = {**BARS, "x": ["1.7", "2.9"], "y": [0.1, 0.2]}
    figure = charts.overlay_of({"a": BARS, "b": other}, dark=False)
    assert [trace.type for trace in figure.data] == ["scatter", "scatter"]
    assert figure.data[1].x.tolist() == pytest.approx([1.7, 2.9])


def test_times_keep_their_millisecond():
    document = DOCUMENTS["regression/evaluation/error_over_time.json"]
    figure = charts.figure_of(document, dark=False)
    assert figure.data[0].x[0] == np.datetime64(document["lines"][0]["x"][0], "ms")


def test_the_diagonal_spans_everything_that_is_drawn():
    points = {"type": "scatter", "x": [1, 9], "y": [0, 4], "diagonal": True}
    first = charts.figure_of(points, dark=False).data[0]
    assert (list(first.x), list(first.y)) == ([0, 9], [0, 9])


def test_more_lines_than_colours_are_grey_and_out_of_the_legend():
    part = {"x": [0, 1], "y": [0, 1]}
    many = {"type": "line", "lines": [{"name": f"class {k}", **part} for k in range(20)]}
    figure = charts.figure_of(many, dark=False)
    assert len(figure.data) == 20
    assert sum(trace.showlegend for trace in figure.data) == len(LIGHT.categorical)
    assert len({trace.line.color for trace in figure.data}) == len(LIGHT.categorical) + 1


def test_a_document_without_a_title_has_none():
    assert title_of({"type": "line"}) == ""
    assert title_of(HISTOGRAM) == "Errors"


@pytest.mark.parametrize("classes", [2, 3, 6, 7, 16, 17, 50])
def test_a_matrix_of_any_size_names_its_classes_and_counts_its_rows(classes):
    labels = [f"a class with a long name {k}" for k in range(classes)]
    matrix = (np.eye(classes, dtype=int) * 9 + 1).tolist()
    drawn = charts.confusion(labels, matrix, dark=False).data[0]
    assert len(set(drawn.x)) == classes
    assert list(drawn.customdata[0][:2]) == ["10", "1"]
    assert sum(drawn.z[0]) == pytest.approx(1)
    assert (drawn.text is None) == (classes > 16)
    assert charts.confusion_height(classes) / classes >= 15
    assert charts.confusion_height(classes) < 1_000


def test_cells_of_few_classes_have_count_and_share_and_of_several_the_count():
    few = charts.confusion(["a", "b"], [[3, 1], [0, 4]], dark=False).data[0]
    assert list(few.text[0]) == ["3<br>75%", "1<br>25%"]
    several = charts.confusion([str(k) for k in range(9)], np.eye(9).tolist(), dark=False).data[0]
    assert list(several.text[0][:2]) == ["1", ""]
