"""Latency and errors of the requests of a window, against those of earlier windows. Pure.

Quantiles of the latency and shares of failed requests vary from window to window more than chance
among their requests explains: load differs, and slow requests come in bursts. So what is usual
comes from the earlier windows themselves.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from pilothouse.kit.parameters import Parameter
from pilothouse.monitoring.chance import Chance, share_chance
from pilothouse.monitoring.checks import INSUFFICIENT, SERVICE, Check, CheckLimits
from pilothouse.monitoring.column_checks import ScoredCheck, judge_together, limits_of
from pilothouse.monitoring.distances import Floats
from pilothouse.monitoring.monitor_config import MonitorConfig

if TYPE_CHECKING:
    import pandas as pd

MIN_EARLIER = 4
SERVER_ERROR, CLIENT_ERROR = 500, 400
NO_REQUESTS = "no request was received here in this window"


@dataclass(frozen=True)
class RequestFigure:
    """A quantile or a share, of how many requests, with the standard error of its sampling."""

    score: float
    requests: int
    error: float = 0.0


@dataclass(frozen=True)
class ServiceFacts:
    """What was measured of the requests of a window, by check, and of earlier windows.

    Of the earlier windows the newest is first.
    """

    measured: Mapping[str, RequestFigure] = field(default_factory=dict)
    earlier: Mapping[str, Sequence[RequestFigure]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ServiceCheck:
    """One figure of the requests. `limits` are times the usual latency, or points of a share.

    `quantile` is that of the latency in milliseconds; without it the figure is the share of
    requests with a status in `statuses`.
    """

    title: str
    label: str
    phrase: str
    unit: str
    limits: CheckLimits
    quantile: float | None = None
    statuses: range = range(0)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The limits, which a monitor may change."""
        return (
            Parameter("warn", "number", self.limits.warn, low=0.0, unit=self.unit,
                      help="A larger difference from earlier windows warns."),
            Parameter("fail", "number", self.limits.fail, low=0.0, unit=self.unit,
                      help="A larger difference from earlier windows fails."),
        )  # fmt: skip

    def value_text(self, value: float | None) -> str:
        """A value for people: "34.2 ms" or "1.2 %"; empty without one."""
        if value is None or not math.isfinite(value):
            return ""
        return f"{value * 100:.3g} %" if self.quantile is None else f"{value:,.3g} ms"

    def limits_beside(self, usual: float, limits: CheckLimits) -> CheckLimits:
        """The limits as values of the check, by what is usual."""
        if self.quantile is None:
            return CheckLimits(usual + limits.warn, usual + limits.fail)
        return CheckLimits(usual * limits.warn, usual * limits.fail)


def _latency(name: str, quantile: float) -> ServiceCheck:
    return ServiceCheck(
        title=f"{name} of the latency",
        label=f"Latency, {name}",
        phrase=f"the {name} of the latency",
        unit="times the usual latency",
        limits=CheckLimits(warn=1.5, fail=2.0),
        quantile=quantile,
    )


SERVICE_CHECKS: Mapping[str, ServiceCheck] = {
    "latency_p50": _latency("median", 0.5),
    "latency_p95": _latency("95th percentile", 0.95),
    "latency_p99": _latency("99th percentile", 0.99),
    "error_share": ServiceCheck(
        title="Share of requests that failed in the server",
        label="Failed requests",
        phrase="the share of failed requests",
        unit="share of requests above the usual one",
        limits=CheckLimits(warn=0.01, fail=0.05),
        statuses=range(SERVER_ERROR, 600),
    ),
    "rejected_share": ServiceCheck(
        title="Share of requests that were rejected",
        label="Rejected requests",
        phrase="the share of rejected requests",
        unit="share of requests above the usual one",
        limits=CheckLimits(warn=0.02, fail=0.1),
        statuses=range(CLIENT_ERROR, SERVER_ERROR),
    ),
}


def measure_requests(requests: pd.DataFrame) -> dict[str, RequestFigure]:
    """The figures of some requests with `status` and `latency_ms`; empty without any.

    Latency is that of answered requests.
    """
    if requests.empty:
        return {}
    status = requests["status"].to_numpy()
    latency = requests["latency_ms"].to_numpy(dtype=np.float64, na_value=np.nan)
    answered = np.sort(latency[(status < CLIENT_ERROR) & np.isfinite(latency)])
    figures = {}
    for name, check in SERVICE_CHECKS.items():
        if check.quantile is None:
            failed = (status >= check.statuses.start) & (status < check.statuses.stop)
            figures[name] = RequestFigure(float(failed.mean()), len(status))
        elif len(answered):
            figures[name] = _quantile(answered, check.quantile)
    return figures


def _quantile(rising: Floats, quantile: float) -> RequestFigure:
    """A quantile and its standard error, from the order statistics one error of the rank away.

    (Woodruff, Confidence intervals for medians and other position measures, Journal of the American
    Statistical Association 47, 1952.)
    """
    count = len(rising)
    reach = math.sqrt(quantile * (1 - quantile) / count)
    low, high = np.quantile(rising, np.clip([quantile - reach, quantile + reach], 0, 1))
    return RequestFigure(float(np.quantile(rising, quantile)), count, float(high - low) / 2)


@dataclass(frozen=True)
class LogStudentChance:
    """The logarithm of one more value, by the mean and the spread of earlier ones."""

    center: float
    spread: float
    freedom: int
    method: str

    def p_value(self, score: float) -> float:
        """The upper tail of Student's distribution."""
        from scipy.special import stdtr

        if score <= 0:
            return 1.0
        if not self.spread:
            return float(math.log(score) <= self.center + 1e-12)
        return float(stdtr(self.freedom, (self.center - math.log(score)) / self.spread))

    def limit(self, level: float) -> float:
        """The value that chance alone exceeds this often."""
        from scipy.special import stdtrit

        return math.exp(self.center - float(stdtrit(self.freedom, level)) * self.spread)


@dataclass(frozen=True)
class ShareAboveChance:
    """A share by the distribution of its difference from the usual one."""

    usual: float
    difference: Chance
    method: str

    def p_value(self, score: float) -> float:
        """That of the difference; a share below the usual one is no breach."""
        return self.difference.p_value(score - self.usual) if score > self.usual else 1.0

    def limit(self, level: float) -> float:
        """The share that chance alone exceeds this often."""
        return self.usual + self.difference.limit(level)


def latency_chance(now: RequestFigure, earlier: Sequence[RequestFigure]) -> LogStudentChance | None:
    """What the latency is when nothing has changed; None where earlier ones are 0.

    The spread is that between earlier windows, which includes their sampling, and never less than
    that; a window of fewer requests adds its own.
    """
    if any(value.score <= 0 for value in earlier):
        return None
    logs = np.log([value.score for value in earlier])
    count = len(logs)
    sampling = float(np.mean([(value.error / value.score) ** 2 for value in earlier]))
    own = (now.error / now.score) ** 2 if now.score > 0 else 0.0
    between = max(float(logs.var(ddof=1)), sampling)
    variance = between * (1 + 1 / count) + max(own - sampling, 0.0)
    method = f"Student's t, {count} windows"
    return LogStudentChance(float(logs.mean()), math.sqrt(variance), count - 1, method)


def failure_chance(now: RequestFigure, earlier: Sequence[RequestFigure]) -> ShareAboveChance:
    """What a share of failed requests is when nothing has changed: Fisher's exact distribution.

    Failures come in bursts. Where earlier windows differ by more than independent requests would,
    all are worth as many fewer (quasi-likelihood: McCullagh and Nelder, Generalized linear models,
    1989).
    """
    requests = np.array([value.requests for value in earlier], dtype=np.float64)
    failed = np.round([value.score * value.requests for value in earlier])
    usual = float(failed.sum() / requests.sum())
    inflation = 1.0
    if 0 < usual < 1:
        expected = requests * usual
        squares = (failed - expected) ** 2 / (expected * (1 - usual))
        inflation = max(float(squares.sum()) / (len(earlier) - 1), 1.0)
    own = max(round(now.requests / inflation), 1)
    others = max(round(requests.sum() / inflation), 1)
    difference = share_chance(
        min(round(failed.sum() / inflation), others),
        others,
        min(round(now.score * now.requests / inflation), own),
        own,
    )
    return ShareAboveChance(usual, difference, f"Fisher, {len(earlier)} windows")


def service_checks(facts: ServiceFacts, config: MonitorConfig) -> list[Check]:
    """Every figure of the requests of a window, judged. They inform: a rule on them alerts."""
    return [_service_check(name, check, facts, config) for name, check in SERVICE_CHECKS.items()]


def _service_check(
    name: str, service: ServiceCheck, facts: ServiceFacts, config: MonitorConfig
) -> Check:
    check = Check(SERVICE, name, "", service.title, INSUFFICIENT)
    now = facts.measured.get(name)
    if now is None:
        return replace(check, message=NO_REQUESTS)
    earlier = [value for value in facts.earlier.get(name, ()) if value.requests >= config.min_rows]
    check = replace(
        check,
        n_current=now.requests,
        n_reference=sum(value.requests for value in earlier),
        standard_error=now.error or None,
    )
    if now.requests < config.min_rows:
        message = f"{now.requests:,} requests; {config.min_rows:,} are needed"
        return replace(check, message=message)
    check = replace(check, score=now.score)
    if len(earlier) < MIN_EARLIER:
        message = f"{len(earlier)} earlier windows to compare with; {MIN_EARLIER} are needed"
        return replace(check, message=message)

    chance: Chance | None
    if service.quantile is None:
        failures = failure_chance(now, earlier)
        chance, usual = failures, failures.usual
    else:
        latency = latency_chance(now, earlier)
        if latency is None:
            return replace(check, message="earlier windows have a latency of 0")
        chance, usual = latency, math.exp(latency.center)
    return judge_service(replace(check, reference=usual), service, chance, config)


def judge_service(
    check: Check, service: ServiceCheck, chance: Chance | None, config: MonitorConfig
) -> Check:
    """The check with its limits and status: a breach is beyond a limit and beyond chance."""
    if check.reference is None or check.score is None:
        return check
    limits = service.limits_beside(check.reference, limits_of(check.check, service.limits, config))
    check = replace(check, warn=limits.warn, threshold=limits.fail)
    judged = judge_together([ScoredCheck(check, limits, chance)], config.false_discovery_rate)[0]
    if judged.status == INSUFFICIENT and judged.noise is not None:
        message = f"earlier windows differ: without any change it is up to {judged.noise:.3g}"
        return replace(judged, message=message)
    return judged
