"""Stores evaluated windows: a new revision when their inputs have changed, else nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import insert
from sqlmodel import Session, col, select

from pilothouse.activity import record
from pilothouse.kit.clock import to_ms
from pilothouse.kit.errors import NotFound
from pilothouse.kit.ids import uuid7
from pilothouse.monitoring.assessment import Assessment
from pilothouse.monitoring.checks import Check
from pilothouse.monitoring.tables import CheckResult, Window
from pilothouse.monitoring.windows import Span, WindowScheme, start_text
from pilothouse.storage import Store

COLUMNS = tuple(field.name for field in fields(Check))


@dataclass(frozen=True)
class EvaluatedWindow:
    """An assessment with its window, its profile's digest, and the digest of its inputs."""

    deployment: str
    model: str
    version: int
    span: Span
    content: str
    profile: str
    assessment: Assessment
    received_until: datetime | None = None
    reference: str | None = None
    zone: str | None = None


def stored_content(
    session: Session, answered: tuple[str, str, int], span: Span
) -> tuple[str, str] | None:
    """The digests of the inputs and of the profile of a window, as it was evaluated last."""
    deployment, model, version = answered
    query = select(Window.content, Window.profile).where(
        Window.deployment == deployment,
        Window.model == model,
        Window.version == version,
        Window.start == span.start,
        Window.end == span.end,
    )
    return session.exec(query).first()


def stored_window(session: Session, evaluated: EvaluatedWindow) -> Window | None:
    """The window's row, if it was evaluated before."""
    query = select(Window).where(
        Window.deployment == evaluated.deployment,
        Window.model == evaluated.model,
        Window.version == evaluated.version,
        Window.start == evaluated.span.start,
        Window.end == evaluated.span.end,
    )
    return session.exec(query).first()


def stored_check(result: CheckResult) -> Check:
    """A stored result as the check that it was."""
    return Check(**{name: getattr(result, name) for name in COLUMNS})


def spans_before(
    session: Session, deployment: str, scheme: WindowScheme, span: Span, count: int
) -> list[Span]:
    """The spans of the windows before one, of its kind and not removed, the newest first.

    They do not overlap, so that no row counts twice.
    """
    query = select(Window.start, Window.end, Window.size).where(
        Window.deployment == deployment,
        col(Window.end) <= span.start,
        col(Window.removed_at).is_(None),
        Window.rows > 0,
    )
    ends = session.exec(query.distinct().order_by(col(Window.start).desc()))
    chosen: list[Span] = []
    following = span
    for part in (Span(start, end, size or 0) for start, end, size in ends):
        if len(chosen) == count:
            break
        if part.end <= following.start and scheme.are_alike(part, span):
            chosen.append(part)
            following = part
    return chosen


def store_window(session: Session, store: Store, evaluated: EvaluatedWindow) -> tuple[Window, bool]:
    """Store an evaluated window; its row, and whether that is a new revision."""
    window = stored_window(session, evaluated)
    if window is not None and window.content == evaluated.content and window.removed_at is None:
        window.heard_until = evaluated.received_until
        session.add(window)
        return window, False

    now = store.now()
    if window is None:
        window = Window(
            id=uuid7(to_ms(now)),
            deployment=evaluated.deployment,
            model=evaluated.model,
            version=evaluated.version,
            start=evaluated.span.start,
            end=evaluated.span.end,
            revision=0,
            created_at=now,
            **_columns(evaluated),
            evaluated_at=now,
        )

    window.revision += 1
    window.evaluated_at, window.heard_until, window.removed_at = now, evaluated.received_until, None
    for name, value in _columns(evaluated).items():
        setattr(window, name, value)

    session.add(window)
    session.flush()
    _add_results(session, window, evaluated)
    _record(session, store, window)

    return window, True


def _columns(evaluated: EvaluatedWindow) -> dict[str, Any]:
    assessment, performance = evaluated.assessment, evaluated.assessment.performance
    return {
        "rows": performance.rows,
        "labelled": performance.labelled,
        "status": assessment.status,
        "drift_status": assessment.drift_status,
        "performance_status": assessment.performance_status,
        "columns": len(assessment.primaries),
        "judged": assessment.judged,
        "drifted": assessment.drifted,
        "figures": dict(performance.metrics),
        "label_summary": dict(performance.summary),
        "output_summary": dict(assessment.output_summary),
        "positives": None,
        "mean_score": None,
        "profile": evaluated.profile,
        "reference": evaluated.reference,
        "content": evaluated.content,
        "zone": evaluated.zone,
        "size": evaluated.span.size or None,
    }


def _add_results(session: Session, window: Window, evaluated: EvaluatedWindow) -> None:
    """PERF: as one statement, as there are hundreds and nobody needs their objects."""
    of_window = {"window_id": window.id, "revision": window.revision}
    rows = [of_window | vars(check) for check in evaluated.assessment.checks]
    if rows:
        session.execute(insert(CheckResult), rows)


def _record(session: Session, store: Store, window: Window) -> None:
    record(
        session,
        store,
        "evaluated",
        "window",
        window.id,
        name=f"{window.deployment} from {start_text(window.start, window.end, window.zone)}",
        after={
            "status": window.status,
            "rows": window.rows,
            "labelled": window.labelled,
            "revision": window.revision,
        },
    )


def remove(session: Session, store: Store, window: Window, reason: str) -> None:
    """Remove a window from lists, trends and rules; it is not evaluated automatically again."""
    window.removed_at = store.now()
    session.add(window)
    session.flush()
    record(
        session,
        store,
        "removed",
        "window",
        window.id,
        name=f"{window.deployment} from {start_text(window.start, window.end, window.zone)}",
        before={"status": window.status, "rows": window.rows, "labelled": window.labelled},
        reason=reason,
    )


def require(session: Session, window_id: str) -> Window:
    """The window's row. Raises NotFound."""
    window = session.get(Window, window_id)
    if window is None or window.removed_at is not None:
        raise NotFound(f"there is no window {window_id!r}.")
    return window


def profile_bytes(assessment: Assessment) -> bytes:
    """The window's profile as it is stored."""
    return json.dumps(assessment.profile, allow_nan=False, ensure_ascii=False).encode()
