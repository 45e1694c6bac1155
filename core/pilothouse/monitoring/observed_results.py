"""The observed results that take the place of estimated ones: labels overrule an estimate."""

from __future__ import annotations

from collections.abc import Sequence

from sqlmodel import Session, col, select

from pilothouse.monitoring.checks import NOT_EVALUATED, PERFORMANCE
from pilothouse.monitoring.tables import CheckResult


def observed_where_judged(session: Session, estimated: Sequence[CheckResult]) -> list[CheckResult]:
    """Each estimated result, or the observed one of its metric and window once that is judged.

    So an alert on an estimate ends, or stays, by the labels of the same windows.
    """
    if not estimated:
        return []
    query = select(CheckResult).where(
        col(CheckResult.window_id).in_({result.window_id for result in estimated}),
        CheckResult.signal == PERFORMANCE,
        col(CheckResult.status).not_in(NOT_EVALUATED),
    )
    observed = {_key(result): result for result in session.exec(query)}
    return [observed.get(_key(result), result) for result in estimated]


def _key(result: CheckResult) -> tuple[str, int, str]:
    return result.window_id, result.revision, result.check
