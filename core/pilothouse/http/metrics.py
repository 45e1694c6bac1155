"""Metrics as Prometheus text (exposition format 0.0.4): of the gateway, and of monitoring."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from sqlalchemy.exc import SQLAlchemyError

import pilothouse
from pilothouse.deployments.gateway.exposition import head, labels, lookup_lines, request_lines
from pilothouse.deployments.gateway.gateway import Gateway
from pilothouse.kit.errors import PilothouseError
from pilothouse.storage import Store

log = logging.getLogger(__name__)
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
    yield from head("pilothouse_info", "gauge", "Version of Pilothouse.")
    yield f'pilothouse_info{{version="{pilothouse.__version__}"}} 1'
    yield from request_lines(metrics)
    yield from head(
        "pilothouse_fallbacks_total",
        "counter",
        "Requests that another version answered, as the chosen one had no ready process.",
    )
    for (name, version), count in sorted(metrics.fallbacks.items()):
        yield f"pilothouse_fallbacks_total{labels(name, version)} {count}"

    yield from head("pilothouse_mirrored_total", "counter", "Copies for a shadow, by result.")
    for (name, version, result), count in sorted(metrics.mirrored.items()):
        yield f"pilothouse_mirrored_total{labels(name, version, result=result)} {count}"

    yield from head("pilothouse_labels_total", "counter", "Labels received.")
    for name, count in sorted(metrics.labels.items()):
        yield f"pilothouse_labels_total{labels(name)} {count}"

    yield from lookup_lines(gateway.lookups.figures)
    yield from head(WAITING, "gauge", "Log lines that wait in memory for a full disk.")
    for name, size in sorted(gateway.waiting_bytes().items()):
        yield f"{WAITING}{labels(name)} {size}"

    yield from head(FALLBACKS, "counter", "Batches of MLflow requests written one by one.")
    yield f"{FALLBACKS} {ingest_fallbacks}"
    yield from head("pilothouse_deployment_ready", "gauge", "Whether a process is ready.")
    for name in gateway.routes.names():
        yield f"pilothouse_deployment_ready{labels(name)} {int(gateway.routes.is_ready(name))}"
