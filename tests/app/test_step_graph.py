"""The graph of steps: what is written in its boxes fits into them."""

from __future__ import annotations

from itertools import pairwise

import pytest

from pilothouse_app.charts.step_graph import GraphStep, graph_height, step_graph


@pytest.mark.parametrize(("count", "longest"), [(2, 54), (8, 13), (20, 8)])
def test_names_and_notes_fit_into_their_boxes(count: int, longest: int) -> None:
    names = [f"step-{number} of the 2013-12-30 to 2014-01-06 windows" for number in range(count)]
    steps = [GraphStep(name, "deployment, running since last week") for name in names]
    edges = list(pairwise(names))
    chart = step_graph(steps, edges, chosen=names[0], dark=False)
    texts = [text for trace in chart.data for text in trace.text or ()]
    lines = [line for text in texts for line in text.split("<br>")]
    assert max(map(len, lines)) <= longest
    assert max(len(text.split("<br>")) for text in texts) <= 4
    assert graph_height(steps, edges) >= 2 * (36 + 19 * max(t.count("<br>") + 1 for t in texts))
