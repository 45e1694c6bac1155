"""The gateway's counters as Prometheus text (exposition format 0.0.4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pilothouse.deployments.gateway.metrics import (
    BUCKETS_MS,
    GatewayMetrics,
    Histogram,
    LookupFigures,
    quantile,
)

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
LATENCY = "pilothouse_request_duration_seconds"
LOOKUPS, LOOKUP_TIME = "pilothouse_feature_lookups_total", "pilothouse_feature_lookup_seconds"
AGE = "pilothouse_feature_age_seconds"
MISSES = "pilothouse_feature_missing_rows_total"


def request_lines(metrics: GatewayMetrics) -> Iterator[str]:
    """Requests by status, rows and latencies of predictions."""
    yield from head("pilothouse_requests_total", "counter", "Prediction requests by status.")
    for (name, version, status), count in sorted(metrics.requests.items()):
        yield f"pilothouse_requests_total{labels(name, version, status=status)} {count}"

    yield from head("pilothouse_predictions_total", "counter", "Rows predicted.")
    for (name, version), count in sorted(metrics.rows.items()):
        yield f"pilothouse_predictions_total{labels(name, version)} {count}"

    yield from head(LATENCY, "histogram", "Time from request to response.")
    for (name, version), histogram in sorted(metrics.latency.items()):
        yield from _histogram(name, version, histogram)


def lookup_lines(figures: Mapping[str, LookupFigures]) -> Iterator[str]:
    """Lookups of features: how many, their time, and how old the values were."""
    if not figures:
        return
    yield from head(LOOKUPS, "counter", "Lookups of features by outcome.")
    for name, of in sorted(figures.items()):
        yield f"{LOOKUPS}{labels(name, outcome='answered')} {of.count}"
        yield f"{LOOKUPS}{labels(name, outcome='failed')} {of.failed}"
    yield from head(LOOKUP_TIME, "summary", "Time of the lookups that were answered.")
    for name, of in sorted(figures.items()):
        for share in (0.5, 0.99):
            ms = quantile(of.recent_ms, share)
            if ms is not None:
                yield f"{LOOKUP_TIME}{labels(name, quantile=share)} {ms / 1000:.6f}"
        yield f"{LOOKUP_TIME}_sum{labels(name)} {of.duration.total_ms / 1000:.6f}"
        yield f"{LOOKUP_TIME}_count{labels(name)} {of.count}"
    yield from head(MISSES, "counter", "Rows of entities that the feature store does not have.")
    for name, of in sorted(figures.items()):
        yield f"{MISSES}{labels(name)} {of.missing_rows}"
    yield from head(AGE, "gauge", "Age of the oldest value of the last lookup.")
    for name, of in sorted(figures.items()):
        if of.age_seconds is not None:
            yield f"{AGE}{labels(name)} {of.age_seconds:.3f}"


def _histogram(name: str, version: int, histogram: Histogram) -> Iterator[str]:
    total = 0
    bounds = [*(f"{ms / 1000:g}" for ms in BUCKETS_MS), "+Inf"]
    for bound, count in zip(bounds, histogram.counts, strict=True):
        total += count
        yield f"{LATENCY}_bucket{labels(name, version, le=bound)} {total}"
    yield f"{LATENCY}_sum{labels(name, version)} {histogram.total_ms / 1000:.6f}"
    yield f"{LATENCY}_count{labels(name, version)} {total}"


def labels(name: str, version: int | None = None, **more: object) -> str:
    """The labels of a sample. Names of deployments need no escaping: they are checked at launch."""
    parts = {"deployment": name} | ({} if version is None else {"version": version}) | more
    return "{" + ",".join(f'{key}="{value}"' for key, value in parts.items()) + "}"


def head(name: str, kind: str, description: str) -> Iterator[str]:
    """What comes before the samples of a metric."""
    yield f"# HELP {name} {description}"
    yield f"# TYPE {name} {kind}"
