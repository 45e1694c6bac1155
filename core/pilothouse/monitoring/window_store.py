"""Keeping a judged window: a new revision when anything it rests on has changed, else nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlmodel import Session, select

from pilothouse.activity import record
from pilothouse.kit.clock import to_ms
from pilothouse.kit.errors import NotFound
from pilothouse.kit.ids import uuid7
from pilothouse.monitoring.assessment import Assessment
from pilothouse.monitoring.checks import Check
from pilothouse.monitoring.tables import CheckResult, Window
from pilothouse.monitoring.windows import Span
from pilothouse.storage import Store

COLUMNS = tuple(field.name for field in fields(Check))


@dataclass(frozen=True)
class EvaluatedWindow:
    """An assessment, what it is of, its profile's digest, and the digest of what it rests on."""

    deployment: str
    model: str
    version: int
    span: Span
    content: str
    profile: str
    assessment: Assessment
    heard_until: datetime | None = None


def stored_windows(session: Session, judged: EvaluatedWindow) -> Window | None:
    """The window's row, if it was judged before."""
    query = select(Window).where(
        Window.deployment == judged.deployment,
        Window.model == judged.model,
        Window.version == judged.version,
        Window.start == judged.span.start,
        Window.end == judged.span.end,
    )
    return session.exec(query).first()


def store_window(session: Session, store: Store, judged: EvaluatedWindow) -> tuple[Window, bool]:
    """Store a window's judgement; the window, and whether this is a new revision of it."""
    window = stored_windows(session, judged)
    if window is not None and window.content == judged.content and window.removed_at is None:
        window.heard_until = judged.heard_until
        session.add(window)
        return window, False
    now = store.now()
    if window is None:
        window = Window(
            id=uuid7(to_ms(now)),
            deployment=judged.deployment,
            model=judged.model,
            version=judged.version,
            start=judged.span.start,
            end=judged.span.end,
            revision=0,
            created_at=now,
            **_facts(judged),
            evaluated_at=now,
        )
    window.revision += 1
    window.evaluated_at, window.heard_until, window.removed_at = now, judged.heard_until, None
    for name, value in _facts(judged).items():
        setattr(window, name, value)
    session.add(window)
    session.flush()
    _add_results(session, window, judged)
    _record(session, store, window)
    return window, True


def _facts(judged: EvaluatedWindow) -> dict[str, Any]:
    found, realised = judged.assessment, judged.assessment.realised
    return {
        "rows": realised.rows,
        "labelled": realised.labelled,
        "positives": realised.positives,
        "status": found.status,
        "drift_status": found.drift_status,
        "performance_status": found.performance_status,
        "columns": len(found.primaries),
        "judged": sum(check.score is not None for check in found.primaries),
        "drifted": found.drifted,
        "figures": dict(realised.figures),
        "mean_score": found.mean_score,
        "profile": judged.profile,
        "content": judged.content,
    }


def _add_results(session: Session, window: Window, judged: EvaluatedWindow) -> None:
    session.add_all(
        CheckResult(
            window_id=window.id,
            revision=window.revision,
            **{name: getattr(check, name) for name in COLUMNS},
        )
        for check in judged.assessment.checks
    )
    session.flush()


def _record(session: Session, store: Store, window: Window) -> None:
    record(
        session,
        store,
        "evaluated",
        "window",
        window.id,
        name=f"{window.deployment} from {window.start:%Y-%m-%d}",
        after={
            "status": window.status,
            "rows": window.rows,
            "labelled": window.labelled,
            "revision": window.revision,
        },
    )


def remove(session: Session, store: Store, window: Window, reason: str) -> None:
    """Take a window out of every list, trend and rule; its span is not judged by itself again."""
    window.removed_at = store.now()
    session.add(window)
    session.flush()
    record(
        session,
        store,
        "removed",
        "window",
        window.id,
        name=f"{window.deployment} from {window.start:%Y-%m-%d}",
        before={"status": window.status, "rows": window.rows, "labelled": window.labelled},
        reason=reason,
    )


def require(session: Session, window_id: str) -> Window:
    """The window's row. Raises NotFound."""
    found = session.get(Window, window_id)
    if found is None or found.removed_at is not None:
        raise NotFound(f"there is no window {window_id!r}.")
    return found


def profile_bytes(assessment: Assessment) -> bytes:
    """The window's profile as it is kept."""
    return json.dumps(assessment.profile, allow_nan=False, ensure_ascii=False).encode()
