"""Reads the requests of a window, and what was measured of those of earlier windows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from pilothouse.deployments.prediction_log import log
from pilothouse.monitoring.checks import SERVICE
from pilothouse.monitoring.service_checks import RequestFigure, ServiceFacts, measure_requests
from pilothouse.monitoring.tables import CheckResult, Window, of_newest_revision
from pilothouse.monitoring.windows import Span
from pilothouse.storage import Store


def read_service(
    store: Store, deployment: str, span: Span, earlier: Sequence[datetime]
) -> ServiceFacts:
    """The requests received in a span, and those of the windows that began at these instants.

    Of earlier windows the stored figures are read, not their requests.
    """
    requests = log.requests(store.folder, deployment, span.start, span.end)
    with store.read() as session:
        return ServiceFacts(measure_requests(requests), _stored(session, deployment, earlier))


def _stored(
    session: Session, deployment: str, starts: Sequence[datetime]
) -> dict[str, list[RequestFigure]]:
    query = (
        select(
            CheckResult.check, CheckResult.score, CheckResult.n_current, CheckResult.standard_error
        )
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
    figures: dict[str, list[RequestFigure]] = defaultdict(list)
    for check, score, requests, error in session.exec(query):
        if score is not None:
            figures[check].append(RequestFigure(score, requests, error or 0.0))
    return dict(figures)
