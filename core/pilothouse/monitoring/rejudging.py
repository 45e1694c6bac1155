"""The checks of a window as other settings would have judged them, from its stored results.

Stored results have all that a judgement needs: scores, references, how often chance gives as much,
and standard errors. So the functions that judge rows judge them again, and no row is read.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from pilothouse.models.signature import Signature
from pilothouse.monitoring import domain_classifier, pca_reconstruction
from pilothouse.monitoring.assessment import Assessment, informative_outputs, share_check
from pilothouse.monitoring.checks import (
    CUSTOM,
    DATA_QUALITY,
    DOMAIN_CLASSIFIER,
    DRIFTED_SHARE,
    ERROR,
    ESTIMATED_PERFORMANCE,
    INSUFFICIENT,
    LABEL_COVERAGE,
    OF_GROUPS,
    PCA_RECONSTRUCTION,
    PERFORMANCE,
    PREDICTION_DRIFT,
    SERVICE,
    SKEW,
    Check,
)
from pilothouse.monitoring.column_checks import ScoredCheck, judge_together, limits_of
from pilothouse.monitoring.domain_classifier import needed_rows
from pilothouse.monitoring.drift import drift_tests
from pilothouse.monitoring.estimated_checks import EstimatedMetric, estimated_check
from pilothouse.monitoring.metric_chance import error_of
from pilothouse.monitoring.monitor_config import MonitorConfig
from pilothouse.monitoring.performance import (
    MinimumRows,
    MonitoredMetric,
    Performance,
    missing_labels,
    monitored_metrics,
    performance_checks,
)
from pilothouse.monitoring.quality import WindowScore, quality_checks
from pilothouse.monitoring.service_checks import SERVICE_CHECKS, judge_service
from pilothouse.monitoring.window_checks import judge_weighed

OF_ALL_COLUMNS = {
    DOMAIN_CLASSIFIER: domain_classifier.LIMITS,
    PCA_RECONSTRUCTION: pca_reconstruction.LIMITS,
}


@dataclass(frozen=True)
class StoredChance:
    """Chance as a result has it: the p-value of its score, and the noise at one level.

    At another level the noise is read from the line through both, on the logarithm of the level:
    the tails of the distributions in use are about exponential. Whether a score is within chance
    follows from the p-value, which is exact.
    """

    method: str
    score: float
    p: float
    level: float
    noise: float

    def p_value(self, score: float) -> float:
        """That of the stored score."""
        return self.p

    def limit(self, level: float) -> float:
        """The noise at a level; exact at the stored one."""
        if level == self.level or not 0 < self.level < 1:
            return self.noise
        p, score = self.p, self.score
        if not 0 < p < 1 or p == self.level or (score - self.noise) * (self.level - p) <= 0:
            p, score = 1.0, 0.0
        slope = (self.noise - score) / math.log(self.level / p)
        return max(self.noise + slope * math.log(level / self.level), 0.0)


@dataclass(frozen=True)
class StoredWindow:
    """The results of one window's newest revision, and what they were judged by.

    `kinds` are the kinds of its inputs by name. `config` is the monitor's, by which the window is
    taken to have been judged.
    """

    checks: tuple[Check, ...]
    rows: int
    labelled: int
    signature: Signature
    kinds: Mapping[str, str]
    config: MonitorConfig


def rejudge(window: StoredWindow, config: MonitorConfig) -> Assessment:
    """The window's checks by a config; those that need another score than the stored stay.

    Without that of recent windows, which follows from those of several windows.
    Messages may be those of the stored judgement. The assessment has no profile.
    """
    of_groups = [check for check in window.checks if check.signal in OF_GROUPS]
    of_columns = [
        check for check in window.checks if check.column and check.signal not in (*OF_GROUPS, SKEW)
    ]
    judged = [*_column_checks(of_columns, window, config)]
    judged += [_window_check(check, config) for check in _of_whole_window(window.checks)]
    for check in window.checks:
        if check.check == DRIFTED_SHARE:
            judged.append(share_check(judged, config, check.n_reference, check.n_current))
        if check.check in OF_ALL_COLUMNS:
            judged.append(_check_together(check, config))
        if check.signal == SERVICE:
            judged.append(_service_check(check, config))
    judged += metric_checks(window, config)
    # Groups inform, and checks of people's own have limits of their own: both stay as they are.
    judged += of_groups
    judged += [check for check in window.checks if check.signal in (CUSTOM, SKEW)]
    performance = Performance(window.rows, window.labelled)
    return Assessment(tuple(judged), performance, {}, {})


def lacks_score(check: Check, old: MonitorConfig, new: MonitorConfig) -> bool:
    """Whether a check could be judged with the new minimum, had its score been computed."""
    if check.score is not None or check.status == ERROR:
        return False
    if check.signal in (PERFORMANCE, *OF_GROUPS):
        return False
    return new.min_rows <= min(check.n_reference, check.n_current) < old.min_rows


def metric_checks(window: StoredWindow, config: MonitorConfig) -> list[Check]:
    """The metrics of a window on labelled rows, and the estimated ones."""
    metrics = monitored_metrics(window.signature, config.tolerances)
    stored = {check.check: check for check in window.checks if check.signal == PERFORMANCE}
    monitored = tuple(metric for metric in metrics if metric.key in stored)
    needs = MinimumRows(config.min_labelled, config.min_coverage)
    observed = performance_checks(
        _performance(window, stored),
        {key: c.reference for key, c in stored.items() if c.reference is not None},
        monitored,
        needs,
        max((check.n_reference for check in stored.values()), default=0),
        "",
        {key: c.reference_error for key, c in stored.items() if c.reference_error is not None},
    )
    return observed + _estimates(window, metrics, observed, config)


def _performance(window: StoredWindow, stored: Mapping[str, Check]) -> Performance:
    """The metrics and their errors as they were measured."""
    metrics = [check for key, check in stored.items() if key != LABEL_COVERAGE]
    errors = {check.check: error_of(check) for check in metrics}
    needs = MinimumRows(window.config.min_labelled, window.config.min_coverage)
    lack = missing_labels(Performance(window.rows, window.labelled), needs)
    return Performance(
        window.rows,
        window.labelled,
        {check.check: check.score for check in metrics if check.score is not None},
        errors={key: error for key, error in errors.items() if error is not None},
        without_error={
            check.check: check.message
            for check in metrics
            if errors[check.check] is None
            and check.status == INSUFFICIENT
            and check.message != lack
        },
    )


def _estimates(
    window: StoredWindow,
    metrics: Iterable[MonitoredMetric],
    observed: Iterable[Check],
    config: MonitorConfig,
) -> list[Check]:
    stored = {c.check: c for c in window.checks if c.signal == ESTIMATED_PERFORMANCE}
    labelled = {check.check: check for check in observed}
    return [
        estimated_check(
            metric, _estimate(stored[metric.key]), config.min_rows, labelled.get(metric.key)
        )
        for metric in metrics
        if metric.key in stored
    ]


def _estimate(check: Check) -> EstimatedMetric:
    return EstimatedMetric(
        check.method,
        check.n_current,
        check.reference,
        check.n_reference,
        check.score,
        check.standard_error,
        check.reference_error,
    )


def _column_checks(
    checks: Sequence[Check], window: StoredWindow, config: MonitorConfig
) -> list[Check]:
    """The checks of columns, those of one test judged together."""
    informative = informative_outputs(window.signature)
    faults: list[Check] = []
    scored: list[ScoredCheck] = []
    installed = set(drift_tests.names())
    for check in checks:
        decides = check.signal != PREDICTION_DRIFT or check.column not in informative
        if check.status == ERROR or check.check not in installed:
            faults.append(check)
            continue
        kind = window.kinds.get(f"{check.signal}/{check.column}", "")
        primary = decides and config.primary.get(kind) == check.check
        scored.append(_scored(check, primary, decides, config))
    return [*faults, *judge_together(scored, config.false_discovery_rate)]


def _scored(check: Check, primary: bool, decides: bool, config: MonitorConfig) -> ScoredCheck:
    """The check before it is judged. PERF: most stay as they are, and a copy takes its time."""
    limits = limits_of(check.check, drift_tests.get(check.check).limits, config)
    too_few = min(check.n_reference, check.n_current) < max(config.min_rows, 1)
    score = None if too_few else check.score
    after = score, limits.warn, limits.fail, primary
    if after != (check.score, check.warn, check.threshold, check.primary):
        check = replace(
            check,
            status=INSUFFICIENT,
            score=score,
            warn=limits.warn,
            threshold=limits.fail,
            primary=primary,
        )
    return ScoredCheck(check, limits, _chance(check), decides)


def _chance(check: Check) -> StoredChance | None:
    """Chance as it was weighed; None where it was not."""
    if check.p_value is None or check.noise_level is None or check.score is None:
        return None
    return StoredChance(
        check.noise_method or "", check.score, check.p_value, check.noise_level, check.noise or 0.0
    )


def _check_together(check: Check, config: MonitorConfig) -> Check:
    """The check of all columns together: its limits are fixed."""
    rows = min(check.n_reference, check.n_current)
    if check.score is None or rows < needed_rows(config):
        return replace(check, status=INSUFFICIENT, score=None)
    scored = ScoredCheck(check, OF_ALL_COLUMNS[check.check], _chance(check))
    return judge_together([scored], config.false_discovery_rate)[0]


def _service_check(check: Check, config: MonitorConfig) -> Check:
    """A figure of the requests, by its limits and beyond chance."""
    if check.n_current < config.min_rows or check.reference is None:
        return replace(check, status=INSUFFICIENT)
    return judge_service(check, SERVICE_CHECKS[check.check], _chance(check), config)


def _of_whole_window(checks: Iterable[Check]) -> list[Check]:
    return [check for check in checks if not check.column and check.signal == DATA_QUALITY]


def _window_check(check: Check, config: MonitorConfig) -> Check:
    """A check of all rows, by its limits and beyond chance or what was usual."""
    if check.check not in quality_checks.names():
        return check
    limits = limits_of(check.check, quality_checks.get(check.check).limits, config)
    unjudged = replace(check, status=INSUFFICIENT, warn=limits.warn, threshold=limits.fail)
    if check.score is None:
        return unjudged
    weighed = WindowScore(
        check.score,
        "",
        check.n_reference,
        check.n_current,
        _chance(check),
        check.noise if check.p_value is None else None,
        check.noise_method or "",
    )
    return judge_weighed(unjudged, weighed, limits, config)
