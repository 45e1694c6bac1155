"""Evidently's report: made once, whole in itself, from a stated sample."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from pilothouse.jobs import Progress
from pilothouse.monitoring.evidently_report import MAX_ROWS, report_job, sample


@pytest.mark.timeout(240)
def test_a_report_is_one_page_that_asks_nothing_of_the_network(desk: Any, workspace: Any) -> None:
    frame = desk.draw(400, seed=60).assign(gust=float("nan"))
    desk.log(frame, desk.week(0))
    window = desk.evaluate(desk.week(0))["window"]
    report = desk.monitoring.request_report(window)
    made = report_job(desk.store, Progress(desk.store, None), report)

    page = desk.monitoring.report_html(report)
    assert page.lstrip()[:6].lower() in (b"<html>", b"<!doct")
    assert b"temp" in page
    assert b"<script src=" not in page
    assert b"<link" not in page
    info = desk.monitoring.report(report)
    assert (info.status, info.digest, info.bytes) == ("ready", made["digest"], len(page))
    assert (info.rows, info.reference_rows) == (400, 6_000)
    assert info.sampling == {"of": 400, "most": MAX_ROWS, "seed": 20_130_301, "sampled": False}
    entries = workspace.activity.entries(kind="report", ref=report)
    assert entries["verb"].tolist() == ["made", "requested"]
    assert report_job(desk.store, Progress(desk.store, None), report) == made


def test_a_sample_is_bounded_repeatable_and_in_order() -> None:
    frame = pd.DataFrame({"x": range(MAX_ROWS + 1_000)})
    drawn = sample(frame)
    assert len(drawn) == MAX_ROWS
    assert drawn["x"].is_monotonic_increasing
    assert drawn.equals(sample(frame))
    assert sample(frame.head(10)).equals(frame.head(10))
