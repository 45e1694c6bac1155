"""Metrics as Prometheus text (exposition format 0.0.4): of the gateway, and of monitoring."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from sqlalchemy.exc import SQLAlchemyError

import pilothouse
from pilothouse.deployments.gateway.gateway import Gateway
from pilothouse.deployments.gateway.metrics import BUCKETS_MS, Histogram
from pilothouse.kit.errors import PilothouseError
from pilothouse.storage import Store

log = logging.getLogger(__name__)
CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
LATENCY = "pilothouse_request_duration_seconds"
WAITING = "pilothouse_log_waiting_bytes"
FALLBACKS = "pilothouse_ingest_fallbacks_total"


def exposition(gateway: Gateway, ingest_fallbacks: int = 0) -> bytes:
    """Every metric, ready to be scraped.

    `ingest_fallbacks` is how many batches of MLflow's requests were written one by one.
    """
    return ("\n".join(_lines(gateway, ingest_fallbacks)) + "\n").encode()


def monitored(store: Store) -> bytes:
    """The metrics of newest windows and of alerts; empty while the database cannot be read.

    The gateway's own counters are needed most when something is broken, so a scrape never fails.
    """
    from pilothouse.monitoring.prometheus import exposition as of_monitoring

    try:
        with store.read() as session:
            return of_monitoring(session, store.now()).encode()
    except (SQLAlchemyError, PilothouseError):
        log.exception("the metrics of monitoring could not be read")
        return b""


def _lines(gateway: Gateway, ingest_fallbacks: int) -> Iterator[str]:
    metrics = gateway.metrics
    yield from _head("pilothouse_info", "gauge", "Version of Pilothouse.")
    yield f'pilothouse_info{{version="{pilothouse.__version__}"}} 1'
    yield from _head("pilothouse_requests_total", "counter", "Prediction requests by status.")

    for (name, version, status), count in sorted(metrics.requests.items()):
        yield f"pilothouse_requests_total{_labels(name, version, status=status)} {count}"

    yield from _head("pilothouse_predictions_total", "counter", "Rows predicted.")
    for (name, version), count in sorted(metrics.rows.items()):
        yield f"pilothouse_predictions_total{_labels(name, version)} {count}"

    yield from _head(
        "pilothouse_fallbacks_total",
        "counter",
        "Requests that another version answered, as the chosen one had no ready process.",
    )
    for (name, version), count in sorted(metrics.fallbacks.items()):
        yield f"pilothouse_fallbacks_total{_labels(name, version)} {count}"

    yield from _head("pilothouse_mirrored_total", "counter", "Copies for a shadow, by result.")
    for (name, version, result), count in sorted(metrics.mirrored.items()):
        yield f"pilothouse_mirrored_total{_labels(name, version, result=result)} {count}"

    yield from _head("pilothouse_labels_total", "counter", "Labels received.")
    for name, count in sorted(metrics.labels.items()):
        yield f"pilothouse_labels_total{_labels(name)} {count}"

    yield from _head(WAITING, "gauge", "Log lines that wait in memory for a full disk.")
    for name, size in sorted(gateway.waiting_bytes().items()):
        yield f"{WAITING}{_labels(name)} {size}"

    yield from _head(FALLBACKS, "counter", "Batches of MLflow requests written one by one.")
    yield f"{FALLBACKS} {ingest_fallbacks}"
    yield from _head("pilothouse_deployment_ready", "gauge", "Whether a process is ready.")
    for name in gateway.routes.names():
        yield f"pilothouse_deployment_ready{_labels(name)} {int(gateway.routes.is_ready(name))}"

    yield from _head(LATENCY, "histogram", "Time from request to response.")
    for (name, version), histogram in sorted(metrics.latency.items()):
        yield from _histogram(name, version, histogram)


def _histogram(name: str, version: int, histogram: Histogram) -> Iterator[str]:
    total = 0
    bounds = [*(f"{ms / 1000:g}" for ms in BUCKETS_MS), "+Inf"]
    for bound, count in zip(bounds, histogram.counts, strict=True):
        total += count
        yield f"{LATENCY}_bucket{_labels(name, version, le=bound)} {total}"
    yield f"{LATENCY}_sum{_labels(name, version)} {histogram.total_ms / 1000:.6f}"
    yield f"{LATENCY}_count{_labels(name, version)} {total}"


def _labels(name: str, version: int | None = None, **more: object) -> str:
    """Names of deployments need no escaping: they are checked at launch."""
    parts = {"deployment": name} | ({} if version is None else {"version": version}) | more
    return "{" + ",".join(f'{key}="{value}"' for key, value in parts.items()) + "}"


def _head(name: str, kind: str, description: str) -> Iterator[str]:
    yield f"# HELP {name} {description}"
    yield f"# TYPE {name} {kind}"
