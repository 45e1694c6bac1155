"""What people read for a check: a label for tables and forms, and a phrase within a sentence."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from pilothouse.experiments.metrics.kinds import metric_kind
from pilothouse.monitoring.checks import (
    BY_GROUP,
    CUSTOM,
    DATA_QUALITY,
    DOMAIN_CLASSIFIER,
    DRIFTED_SHARE,
    ESTIMATED_PERFORMANCE,
    FAIRNESS,
    FEATURE_DRIFT,
    LABEL_COVERAGE,
    PCA_RECONSTRUCTION,
    PERFORMANCE,
    PREDICTION_DRIFT,
    PRIMARY,
    RECENT_PERFORMANCE,
    SEGMENTS,
    SERVED_DIFFERS,
    SERVICE,
    SKEW,
    SKEW_LIMITS,
)
from pilothouse.monitoring.monitor_config import MonitorConfig

OTHERS = {
    DRIFTED_SHARE: "Share of drifted columns",
    LABEL_COVERAGE: "Share of labelled rows",
    DOMAIN_CLASSIFIER: "ROC AUC of reference against window",
    PCA_RECONSTRUCTION: "Reconstruction by components",
    PRIMARY: "Primary metric",
    BY_GROUP: "Grouping of rows",
    SERVED_DIFFERS: "Rows served with other values",
}


@dataclass(frozen=True)
class WatchableCheck:
    """A check that a rule can watch, with the condition and threshold that are usual for it."""

    title: str
    signal: str
    check: str
    condition: str
    threshold: float


def check_title(check: str) -> str:
    """The label of a check: of a drift test its own, of a metric the metric's title."""
    from pilothouse.monitoring.drift import drift_tests  # loads numpy: only when a title is shown
    from pilothouse.monitoring.fairness_checks import fairness_kinds
    from pilothouse.monitoring.quality import quality_checks
    from pilothouse.monitoring.service_checks import SERVICE_CHECKS

    if check in OTHERS:
        return OTHERS[check]
    if check in fairness_kinds():
        return fairness_kinds()[check].label
    if check in SERVICE_CHECKS:
        return SERVICE_CHECKS[check].label
    if check in quality_checks.names():
        return quality_checks.get(check).label
    if check in drift_tests.names():
        return drift_tests.get(check).label
    return metric_kind(check).title


def check_phrase(check: str, signal: str = "") -> str:
    """A check within a sentence: "the share of drifted columns"."""
    from pilothouse.monitoring.drift import drift_tests
    from pilothouse.monitoring.fairness_checks import fairness_kinds
    from pilothouse.monitoring.quality import quality_checks
    from pilothouse.monitoring.service_checks import SERVICE_CHECKS

    if check in SERVICE_CHECKS:
        return SERVICE_CHECKS[check].phrase
    if check in fairness_kinds():
        return fairness_kinds()[check].phrase
    if check in OTHERS:
        return f"the {OTHERS[check][0].lower()}{OTHERS[check][1:]}"
    if check in quality_checks.names():
        return quality_checks.get(check).phrase
    if check in drift_tests.names():
        return drift_tests.get(check).phrase
    title = metric_kind(check).title
    if signal == RECENT_PERFORMANCE:
        return f"{title} of recent windows"
    return f"estimated {title}" if signal == ESTIMATED_PERFORMANCE else title


def signal_title(signal: str, check: str) -> str:
    """The label of a check where observed, recent and estimated metrics stand together."""
    if signal == ESTIMATED_PERFORMANCE:
        return f"{check_title(check)}, estimated"
    if signal == CUSTOM:
        return check
    if signal == RECENT_PERFORMANCE:
        return f"{check_title(check)}, recent windows"
    return check_title(check)


def watchable_checks(
    metrics: Mapping[str, str],
    estimated: Collection[str] = (),
    groups: Mapping[str, Collection[str]] | None = None,
) -> list[WatchableCheck]:
    """What a new rule may watch: metrics, the share of drifted columns, every drift test, check of
    data quality, and figure of the requests.

    `metrics` are the titles, by key, of those that the deployment is held to, `estimated` the keys
    of those that are estimated without labels too, `groups` the checks of segments and of fairness,
    by signal, where the monitor declares columns.
    """
    from pilothouse.monitoring.drift import drift_tests
    from pilothouse.monitoring.quality import quality_checks
    from pilothouse.monitoring.service_checks import SERVICE_CHECKS

    defaults = MonitorConfig()
    checks = _of_metrics(metrics, estimated) if metrics else []
    title = OTHERS[DRIFTED_SHARE]
    checks.append(
        WatchableCheck(title, FEATURE_DRIFT, DRIFTED_SHARE, "above", defaults.drifted_share)
    )

    for name, check in quality_checks.items():
        limits = check.limits
        checks.append(
            WatchableCheck(check.label, DATA_QUALITY, name, limits.direction, limits.fail)
        )
    checks += [
        WatchableCheck(service.label, SERVICE, name, "worse_than_tolerated", 1.0)
        for name, service in SERVICE_CHECKS.items()
    ]
    title = f"{OTHERS[SERVED_DIFFERS]}, of any column (training-serving skew)"
    checks.append(WatchableCheck(title, SKEW, SERVED_DIFFERS, "above", SKEW_LIMITS.fail))
    checks += _of_groups(groups or {})
    for name, test in drift_tests.items():
        subject = test.label if test.signal == DATA_QUALITY else f"Drift ({test.label})"
        of_column = f"{subject} of any column"
        checks.append(WatchableCheck(of_column, test.signal, name, "above", test.limits.fail))
        if test.signal == FEATURE_DRIFT and "number" in test.kinds:
            of_score = f"{subject} of the output"
            checks.append(
                WatchableCheck(of_score, PREDICTION_DRIFT, name, "above", test.limits.fail)
            )
    return checks


def _of_metrics(metrics: Mapping[str, str], estimated: Collection[str]) -> list[WatchableCheck]:
    """Metrics on labelled rows, estimated ones, and the one that decides over recent windows."""

    def worse(title: str, signal: str, check: str, tolerances: float = 1.0) -> WatchableCheck:
        return WatchableCheck(title, signal, check, "worse_than_tolerated", tolerances)

    watched = {PRIMARY: OTHERS[PRIMARY]} | dict(metrics)
    return [
        *(worse(title, PERFORMANCE, key) for key, title in watched.items()),
        *(
            worse(signal_title(ESTIMATED_PERFORMANCE, key), ESTIMATED_PERFORMANCE, key)
            for key in metrics
            if key in estimated
        ),
        worse(signal_title(RECENT_PERFORMANCE, PRIMARY), RECENT_PERFORMANCE, PRIMARY, 0.1),
    ]


def _of_groups(groups: Mapping[str, Collection[str]]) -> list[WatchableCheck]:
    """Checks of any segment, of any group, and people's own."""
    from pilothouse.monitoring.drift import drift_tests

    checks = []
    for check in groups.get(SEGMENTS, ()):
        if check in drift_tests.names():
            test = drift_tests.get(check)
            text = f"Drift ({test.label}) of the answers of any segment"
            checks.append(WatchableCheck(text, SEGMENTS, check, "above", test.limits.fail))
        else:
            text = f"{check_title(check)} of any segment"
            checks.append(WatchableCheck(text, SEGMENTS, check, "worse_than_tolerated", 1.0))
    for check in groups.get(CUSTOM, ()):
        checks.append(WatchableCheck(f"Custom check {check}", CUSTOM, check, "above", 0.0))
    for check in groups.get(FAIRNESS, ()):
        text = f"{check_title(check)} of any group"
        checks.append(WatchableCheck(text, FAIRNESS, check, "worse_than_tolerated", 1.0))
    return checks
