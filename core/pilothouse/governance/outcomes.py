"""What became of promotions to production: the promised figure beside the live one.

The promise is frozen in the promotion's evidence. What came is read from the windows that the
version answered and that were evaluated since the decision, whatever deployment they are of.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, select, tuple_
from sqlmodel import Session, col

from pilothouse.activity import record
from pilothouse.governance.promise import (
    CONTRADICTED,
    UNDECIDED,
    LiveFigure,
    LiveWindow,
    Promise,
    verify,
)
from pilothouse.governance.tables import OutcomeDecision
from pilothouse.kit.errors import Conflict, NotFound, require_reason
from pilothouse.monitoring.checks import INSUFFICIENT, PERFORMANCE
from pilothouse.monitoring.tables import CheckResult, Window, of_newest_revision
from pilothouse.registry.tables import ACCEPTED, PRODUCTION, ModelVersion, Promotion
from pilothouse.storage import Store

NO_PROMISE = "the evidence has no figure that decides"
NO_LABELS = "no window of this version has enough labels yet"
NO_ERROR = "the error of the promised figure is not known: its rows were not profiled"
FEW = "too few windows of this version have labels yet"
OPEN = "the live figure does not tell yet"


@dataclass(frozen=True)
class PromotionOutcome:
    """What a promotion promised, what came, and whether that keeps the promise.

    `state` is kept, contradicted or not yet known, and `message` says why in a sentence. `promise`
    and `live` are None where there is none yet. `since` is the instant of the window that
    contradicted it. `decision` is what a person decided then: who, when, why.
    """

    promotion: str
    model: str
    version: int
    decided_at: datetime
    metric: str
    state: str
    message: str
    promise: Promise | None
    live: LiveFigure | None
    since: datetime | None
    in_production: bool
    decided_by: str
    kept_by: str
    kept_at: datetime | None
    kept_reason: str

    @property
    def ref(self) -> str:
        """The version: model@version."""
        return f"{self.model}@{self.version}"

    @property
    def needs_decision(self) -> bool:
        """Whether it was contradicted, is still in production, and nobody decided about that."""
        return self.state == CONTRADICTED and self.in_production and self.kept_at is None


@dataclass(frozen=True)
class _Measured:
    """The figure of a window, and what it was held against."""

    window: LiveWindow
    created_at: datetime
    direction: str
    reference_error: float | None


def outcomes(
    session: Session,
    model: str | None = None,
    promotion_id: str | None = None,
    *,
    current: bool = False,
) -> list[PromotionOutcome]:
    """The accepted promotions to production with what became of them, the newest first.

    With `current`, only those of versions that are in production now.
    """
    promotions = _promotions(session, model, promotion_id, current)
    if not promotions:
        return []
    measured = _measured(session, {(row.model, row.version) for row in promotions})
    decisions = {
        row.promotion_id: row
        for row in session.scalars(
            select(OutcomeDecision).where(
                col(OutcomeDecision.promotion_id).in_([row.id for row in promotions])
            )
        )
    }
    moved = _in_production(session, promotions)
    return [
        _outcome(row, measured.get((row.model, row.version), {}), row.id in moved, decisions)
        for row in promotions
    ]


def of_production(session: Session) -> list[PromotionOutcome]:
    """The outcomes of the promotions that brought what is in production now there."""
    newest: dict[str, PromotionOutcome] = {}
    for outcome in outcomes(session, current=True):
        if outcome.in_production:
            newest.setdefault(outcome.ref, outcome)
    return list(newest.values())


def outcome_of(session: Session, promotion_id: str) -> PromotionOutcome:
    """The outcome of one promotion. Raises NotFound, Conflict unless it was to production."""
    if session.get(Promotion, promotion_id) is None:
        raise NotFound(f"no promotion {promotion_id!r}.")
    of_one = outcomes(session, promotion_id=promotion_id)
    if not of_one:
        raise Conflict(
            "this promotion moved no version to production.",
            hint="Only what is in production is held against live data.",
        )
    return of_one[0]


def keep(session: Session, store: Store, promotion_id: str, reason: str) -> None:
    """Leave a version in production although its promotion was contradicted.

    Raises NotFound, Invalid without a reason, Conflict unless it waits for that decision.
    """
    outcome = outcome_of(session, promotion_id)
    require_reason(reason, "keeping it")
    if not outcome.needs_decision:
        raise Conflict(f"there is nothing to decide: the promotion is {outcome.state}.")
    figures = {"promise": outcome.message, "metric": outcome.metric}
    row = OutcomeDecision(
        promotion_id=promotion_id, reason=reason, figures=figures, at=store.now(), by=store.actor
    )
    session.add(row)
    record(
        session,
        store,
        "kept in production",
        "promotion",
        promotion_id,
        name=f"{outcome.ref} to {PRODUCTION}",
        after=figures,
        reason=reason,
    )


def _promotions(
    session: Session, model: str | None, promotion_id: str | None, current: bool
) -> Sequence[Promotion]:
    query = select(Promotion).where(
        col(Promotion.status) == ACCEPTED, col(Promotion.stage) == PRODUCTION
    )
    if model is not None:
        query = query.where(col(Promotion.model) == model)
    if promotion_id is not None:
        query = query.where(col(Promotion.id) == promotion_id)
    if current:
        same = and_(
            col(ModelVersion.model) == col(Promotion.model),
            col(ModelVersion.version) == col(Promotion.version),
        )
        query = query.join(ModelVersion, same).where(col(ModelVersion.stage) == PRODUCTION)
    return session.scalars(query.order_by(col(Promotion.decided_at).desc())).all()


def _in_production(session: Session, promotions: Iterable[Promotion]) -> set[str]:
    """The promotions, given the newest first, that brought what is in production now there."""
    stages = select(col(ModelVersion.model), col(ModelVersion.version)).where(
        col(ModelVersion.stage) == PRODUCTION
    )
    waiting = {(model, version) for model, version in session.execute(stages)}
    moved = set()
    for row in promotions:
        if (row.model, row.version) in waiting:
            waiting.remove((row.model, row.version))
            moved.add(row.id)
    return moved


def _measured(
    session: Session, versions: set[tuple[str, int]]
) -> Mapping[tuple[str, int], Mapping[str, list[_Measured]]]:
    """The figures of versions by metric, in the order in which their windows were evaluated.

    Windows of one deployment that overlap count once.
    """
    query = (
        select(Window, CheckResult)
        .join(CheckResult, of_newest_revision())
        .where(
            tuple_(col(Window.model), col(Window.version)).in_(sorted(versions)),
            col(Window.removed_at).is_(None),
            col(CheckResult.signal) == PERFORMANCE,
            col(CheckResult.status) != INSUFFICIENT,
            col(CheckResult.standard_error) > 0,
            col(CheckResult.score).is_not(None),
        )
        .order_by(col(Window.created_at), col(Window.start))
    )
    measured: dict[tuple[str, int], dict[str, list[_Measured]]] = defaultdict(
        lambda: defaultdict(list)
    )
    covered: dict[tuple[str, int, str, str], datetime] = {}
    for window, check in session.execute(query):
        ref = (window.model, window.version)
        key = (*ref, window.deployment, check.check)
        if key in covered and window.start < covered[key]:
            continue
        covered[key] = window.end
        figure = LiveWindow(check.score, check.standard_error, check.n_current)
        measured[ref][check.check].append(
            _Measured(figure, window.created_at, check.direction, check.reference_error)
        )
    return measured


def _outcome(
    row: Promotion,
    measured: Mapping[str, Sequence[_Measured]],
    in_production: bool,
    decisions: Mapping[str, OutcomeDecision],
) -> PromotionOutcome:
    decision = decisions.get(row.id)
    evidence = row.decision_evidence or row.evidence
    assert row.decided_at is not None
    metric = _metric(evidence)
    since = [item for item in measured.get(metric, ()) if item.created_at >= row.decided_at]
    promise = _promise(evidence, metric, since)
    state, message, live, at = _judged(promise, metric, evidence, since)
    return PromotionOutcome(
        promotion=row.id,
        model=row.model,
        version=row.version,
        decided_at=row.decided_at,
        metric=metric,
        state=state,
        message=message,
        promise=promise,
        live=live,
        since=at,
        in_production=in_production,
        decided_by=row.decided_by,
        kept_by=decision.by if decision else "",
        kept_at=decision.at if decision else None,
        kept_reason=decision.reason if decision else "",
    )


def _judged(
    promise: Promise | None, metric: str, evidence: Mapping[str, Any], since: Sequence[_Measured]
) -> tuple[str, str, LiveFigure | None, datetime | None]:
    if not metric or _figure(evidence, metric) is None:
        return UNDECIDED, NO_PROMISE, None, None
    if not since:
        return UNDECIDED, NO_LABELS, None, None
    if promise is None:
        return UNDECIDED, NO_ERROR, None, None
    verification = verify(promise, [item.window for item in since])
    live, look = verification.live, verification.look
    if live is None:
        return UNDECIDED, FEW, None, None
    at = since[look - 1].created_at if look else None
    return verification.state, _sentence(promise, live), live, at


def _sentence(promise: Promise, live: LiveFigure) -> str:
    side = "at least" if promise.higher_is_better else "at most"
    return (
        f"promised {promise.figure:.4g} ({side} {promise.floor:.4g}), "
        f"came {live.value:.4g} between {live.low:.4g} and {live.high:.4g} "
        f"on {live.labels:,} labels of {live.windows} windows"
    )


def _metric(evidence: Mapping[str, Any]) -> str:
    """The metric that was compared, else the one that decides for this kind of model."""
    compared = (evidence.get("comparison") or {}).get("interval") or {}
    metrics = (evidence.get("task") or {}).get("metrics") or ()
    return str(compared.get("metric") or (metrics[0]["key"] if metrics else ""))


def _figure(evidence: Mapping[str, Any], metric: str) -> float | None:
    compared = evidence.get("comparison") or {}
    own = compared.get("candidate") or evidence["candidate"]["metrics"]
    figure: float | None = own.get(metric)
    return figure


def _promise(
    evidence: Mapping[str, Any], metric: str, since: Sequence[_Measured]
) -> Promise | None:
    """The promise, with the error of the version's held-out rows as monitoring has it."""
    figure = _figure(evidence, metric)
    errors = [item.reference_error for item in since if item.reference_error is not None]
    if figure is None or not errors:
        return None
    compared = evidence.get("comparison") or {}
    interval = compared.get("interval") or {}
    of_champion = compared.get("champion") or {}
    if not compared and _alike(evidence):
        of_champion = evidence["champion"]["metrics"]
    return Promise(
        figure=figure,
        error=errors[-1],
        higher_is_better=since[-1].direction == "below",
        champion=of_champion.get(metric),
        low=interval.get("low") if interval.get("metric") == metric else None,
        high=interval.get("high") if interval.get("metric") == metric else None,
    )


def _alike(evidence: Mapping[str, Any]) -> bool:
    """Whether candidate and champion were measured on the same held-out rows."""
    champion, rows = evidence.get("champion"), evidence["candidate"].get("held_out")
    return bool(champion and rows and champion.get("held_out") == rows)
