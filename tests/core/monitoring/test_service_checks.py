"""Latency and errors of requests against earlier windows, beyond a limit and beyond chance."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from pilothouse.kit.errors import Invalid
from pilothouse.monitoring.monitor_config import MonitorConfig
from pilothouse.monitoring.service_checks import (
    SERVICE_CHECKS,
    RequestFigure,
    ServiceFacts,
    failure_chance,
    latency_chance,
    measure_requests,
    service_checks,
)


def requests(rng: np.random.Generator, count: int, slower: float = 1.0, failed: float = 0.002):
    """Requests whose load, and so latency and failures, differs from window to window."""
    load = rng.normal(0, 0.08)
    failing = rng.random(count) < failed * math.exp(rng.normal(0, 0.3))
    return pd.DataFrame(
        {
            "latency_ms": slower * np.exp(rng.normal(3 + load, 0.5, count)),
            "status": np.where(failing, 503, 200),
        }
    )


def judged(now: pd.DataFrame, earlier: list[pd.DataFrame], **settings: Any) -> dict[str, Any]:
    measured = [measure_requests(frame) for frame in earlier]
    by_check = {name: [window[name] for window in measured] for name in SERVICE_CHECKS}
    facts = ServiceFacts(measure_requests(now), by_check)
    return {check.check: check for check in service_checks(facts, MonitorConfig(**settings))}


def test_figures_are_those_of_numpy_and_latency_is_of_answered_requests() -> None:
    frame = pd.DataFrame(
        {"latency_ms": [*range(1, 101), 9_000.0, 1.0], "status": [200] * 100 + [500, 422]}
    )
    figures = measure_requests(frame)
    assert figures["latency_p95"].score == pytest.approx(np.quantile(np.arange(1, 101), 0.95))
    assert figures["latency_p95"].requests == 100
    assert figures["error_share"] == RequestFigure(1 / 102, 102)
    assert figures["rejected_share"].score == pytest.approx(1 / 102)


def test_the_error_of_a_quantile_is_that_of_the_bootstrap() -> None:
    rng = np.random.default_rng(1)
    values = np.exp(rng.normal(3, 0.5, 2_000))
    own = measure_requests(pd.DataFrame({"latency_ms": values, "status": 200}))["latency_p95"]
    drawn = np.quantile(rng.choice(values, (400, 2_000)), 0.95, axis=1)
    assert own.error == pytest.approx(drawn.std(), rel=0.25)


def test_chance_is_students_and_fishers() -> None:
    earlier = [RequestFigure(score, 10_000) for score in (10.0, 12.0, 11.0, 9.0, 10.5)]
    chance = latency_chance(RequestFigure(15.0, 10_000), earlier)
    assert chance is not None
    logs = np.log([10.0, 12.0, 11.0, 9.0, 10.5])
    t = (math.log(15) - logs.mean()) / (logs.std(ddof=1) * math.sqrt(1 + 1 / 5))
    assert chance.p_value(15.0) == pytest.approx(stats.t.sf(t, 4))
    assert chance.p_value(chance.limit(0.005)) == pytest.approx(0.005)

    alike = [RequestFigure(0.01, 1_000)] * 4
    table = [[30, 970], [40, 3_960]]
    share = failure_chance(RequestFigure(0.03, 1_000), alike)
    assert share.p_value(0.03) == pytest.approx(stats.fisher_exact(table).pvalue, rel=0.5)
    assert share.p_value(0.009) == 1.0


def test_bursts_of_failures_make_more_of_them_usual() -> None:
    even = [RequestFigure(0.01, 1_000)] * 6
    bursts = [RequestFigure(share, 1_000) for share in (0.0, 0.05, 0.0, 0.01, 0.0, 0.0)]
    now = RequestFigure(0.03, 1_000)
    assert failure_chance(now, even).p_value(0.03) < 0.005
    assert failure_chance(now, bursts).p_value(0.03) > 0.05


def test_unchanged_requests_alarm_hardly_ever_and_changed_ones_do() -> None:
    rng = np.random.default_rng(7)
    false, slow, failing = 0, 0, 0
    for _ in range(60):
        earlier = [requests(rng, 1_500) for _ in range(8)]
        unchanged = judged(requests(rng, 1_500), earlier)
        false += any(check.status in ("warn", "fail") for check in unchanged.values())
        slow += judged(requests(rng, 1_500, slower=2.5), earlier)["latency_p95"].status == "fail"
        failing += judged(requests(rng, 1_500, failed=0.08), earlier)["error_share"].status in (
            *("warn", "fail"),
        )
    assert false <= 1
    assert slow >= 54
    assert failing >= 54


@pytest.mark.parametrize("count", [0, 50])
def test_too_few_requests_are_insufficient(count: int) -> None:
    rng = np.random.default_rng(3)
    checks = judged(requests(rng, count), [requests(rng, 1_000) for _ in range(8)])
    assert {check.status for check in checks.values()} == {"insufficient"}
    assert all(check.message for check in checks.values())


def test_three_earlier_windows_are_not_enough() -> None:
    rng = np.random.default_rng(4)
    check = judged(requests(rng, 1_000), [requests(rng, 1_000) for _ in range(3)])["latency_p50"]
    assert (check.status, check.threshold) == ("insufficient", None)
    assert check.score is not None  # so that it is one of the earlier windows of later ones
    assert "4 are needed" in check.message


def _receive(desk: Any, frame: pd.DataFrame, start: datetime, seed: int) -> None:
    """Log requests as received evenly over a week."""
    at = pd.Timestamp(start) + pd.to_timedelta(np.linspace(0, 6.9, len(frame)), unit="D")
    facts = {"version": 1, "rows": 1, "segment": f"s{seed}", "seq": range(len(frame))}
    rows = frame.assign(received_at=at.floor("us"), **facts)
    for day, part in rows.groupby(rows["received_at"].dt.normalize()):
        desk._write("requests", part, day)


def test_a_slow_week_fails_in_its_own_signal_and_does_not_decide(desk: Any) -> None:
    rng = np.random.default_rng(5)
    for week in range(7):
        desk.log(desk.draw(400, seed=week), desk.week(week))
        slower = 3.0 if week == 6 else 1.0
        _receive(desk, requests(rng, 600, slower), desk.week(week), week)
        result = desk.evaluate(desk.week(week))
    results = desk.monitoring.results(result["window"])
    service = results[results["signal"] == "service"].set_index("check")
    assert service.loc["latency_p95", "status"] == "fail"
    assert service.loc["latency_p95", "noise_method"] == "Student's t, 5 windows"
    assert service.loc["error_share", "status"] == "ok"
    assert desk.monitoring.window(result["window"]).status == "ok"
    page = desk.monitoring.window_page(result["window"]).decode()
    assert "Latency, 95th percentile" in page

    looser = {"limits": {"latency_p95": {"warn": 5.0, "fail": 9.0}}}
    desk.monitoring.monitor(desk.deployment, **looser)
    again = desk.monitoring.results(desk.evaluate(desk.week(6))["window"])
    assert again.set_index("check").loc["latency_p95", "status"] == "ok"


def test_limits_of_requests_are_checked(desk: Any) -> None:
    with pytest.raises(Invalid):
        desk.monitoring.monitor(desk.deployment, limits={"latency_p95": {"warn": -1}})
