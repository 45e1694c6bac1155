"""Reads the requests of a window, and what was measured of those of earlier windows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from pilothouse.deployments.prediction_log import log
from pilothouse.deployments.rollouts.rollout_commands import trials_between
from pilothouse.monitoring.checks import SERVICE
from pilothouse.monitoring.service_checks import RequestFigure, ServiceFacts, measure_requests
from pilothouse.monitoring.tables import CheckResult, Window, of_newest_revision
from pilothouse.monitoring.windows import Span
from pilothouse.storage import Store


def read_service(
    store: Store, deployment: str, span: Span, earlier: Sequence[datetime]
) -> ServiceFacts:
    """The requests received in a span, and those of the windows that began at these instants.

    Of earlier windows the stored figures are read, not their requests. Requests to versions that a
    rollout was trying are left out: they say nothing of the version that serves.
    """
    requests = log.requests(store.folder, deployment, span.start, span.end)
    with store.read() as session:
        for versions, first, end in trials_between(session, deployment, span.start, span.end):
            of_trial = requests["version"].isin(versions)
            of_trial &= (requests["received_at"] >= first) & (requests["received_at"] < end)
            requests = requests[~of_trial]
        return ServiceFacts(measure_requests(requests), _stored(session, deployment, span, earlier))


def _stored(
    session: Session, deployment: str, span: Span, starts: Sequence[datetime]
) -> dict[str, list[RequestFigure]]:
    figures = [
        getattr(CheckResult, name) for name in ("check", "score", "n_current", "standard_error")
    ]
    query = (
        select(Window.start, Window.end, *figures)
        .join(Window, of_newest_revision())
        .where(
            Window.deployment == deployment,
            CheckResult.signal == SERVICE,
            col(CheckResult.score).is_not(None),
            col(Window.removed_at).is_(None),
            col(Window.start).in_(starts),
        )
        .order_by(col(Window.start).desc())
    )
    earlier: dict[str, list[RequestFigure]] = defaultdict(list)
    for start, end, check, score, requests, error in session.execute(query):
        # Windows of another period, from before the monitor's was changed, may begin there too.
        if abs((end - start) - span.length) < span.length / 4:
            earlier[check].append(RequestFigure(score, requests, error or 0.0))
    return dict(earlier)
