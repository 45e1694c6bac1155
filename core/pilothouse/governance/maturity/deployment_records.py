"""What is known of the deployments that serve production: monitors, rollbacks, retrainings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlmodel import Session, col

from pilothouse.deployments.prediction_log import log
from pilothouse.deployments.prediction_log.segment_rows import PREDICTIONS
from pilothouse.deployments.replica_states import READY
from pilothouse.deployments.tables import Deployment, Replica, Revision, Rollout, RolloutAnalysis
from pilothouse.governance.maturity.evidence_values import ServingDeployment
from pilothouse.governance.production import STOPPED
from pilothouse.jobs.tables import SUCCEEDED, Job
from pilothouse.monitoring.checks import DATA_QUALITY
from pilothouse.monitoring.tables import AlertRule, Monitor, Window
from pilothouse.pipelines.retraining_decisions import STARTED
from pilothouse.pipelines.retraining_policy import RetrainingPolicy
from pilothouse.pipelines.tables import RetrainingDecision, StoredRetrainingPolicy
from pilothouse.storage import Store

ROLLED_BACK = "rolled back"
BACKTEST = "backtest_retraining"
SCHEMA_CHECKS = ("absent_inputs", "unexpected_columns", "type_change")
PERIOD_DAYS = {"hour": 1 / 24, "day": 1.0, "week": 7.0, "month": 31.0, "prediction": 31.0}
PERIODS_LATE = 2  # windows may be evaluated that many periods apart
Pair = tuple[str, int]


def serving(
    session: Session, store: Store, pairs: Sequence[Pair]
) -> dict[Pair, tuple[ServingDeployment, ...]]:
    """The deployments of each version that are to serve it, with all that is known of them."""
    models = {model for model, _ in pairs}
    query = select(Deployment).where(
        col(Deployment.model).in_(models), col(Deployment.desired_state) == "running"
    )
    rows = [
        r for r in session.scalars(query.order_by(Deployment.name)) if (r.model, r.version) in pairs
    ]
    names = [row.name for row in rows]
    about = _About(session, names)
    held: dict[Pair, list[ServingDeployment]] = defaultdict(list)
    for row in rows:
        held[row.model, row.version].append(about.describe(store, row))
    return {pair: tuple(items) for pair, items in held.items()}


class _About:
    """What is stored of some deployments, each kind of row read once for all of them."""

    def __init__(self, session: Session, names: Collection[str]) -> None:
        self.monitors = {
            row.deployment: row
            for row in session.scalars(select(Monitor).where(col(Monitor.deployment).in_(names)))
        }
        self.policies = {
            row.deployment: row
            for row in session.scalars(
                select(StoredRetrainingPolicy).where(
                    col(StoredRetrainingPolicy.deployment).in_(names)
                )
            )
        }
        self.evaluated = _evaluated(session, names)
        self.retrained = _retrained(session, names)
        self.backtests = _backtests(session, names)
        self.schema_rules = _schema_rules(session, names)
        self.unexplained = _unexplained(session, names)
        self.rollbacks = _rollbacks(session, names)

    def describe(self, store: Store, row: Deployment) -> ServingDeployment:
        """One deployment with all of it."""
        monitor, policy = self.monitors.get(row.name), self.policies.get(row.name)
        default = RetrainingPolicy()
        at, seconds = self.rollbacks.get(row.name, (None, None))
        return ServingDeployment(
            name=row.name,
            model=row.model,
            version=row.version,
            external=bool(row.external),
            unexplained=self.unexplained.get(row.name, 0),
            has_monitor=monitor is not None and monitor.enabled,
            monitored_at=self.evaluated.get(row.name),
            due_days=_due_days(monitor),
            fairness_columns=tuple((monitor.fairness_columns if monitor else None) or ()),
            keeps_log=_keeps_log(store, row.name),
            rollback=at,
            rollback_seconds=seconds,
            retraining_mode=policy.mode if policy else default.mode,
            triggers=tuple(policy.triggers if policy else default.triggers),
            retrained=self.retrained.get(row.name, 0),
            backtests=self.backtests.get(row.name, 0),
            schema_rules=self.schema_rules.get(row.name, 0),
        )


def _due_days(monitor: Monitor | None) -> float:
    """How many days may lie between two evaluations."""
    if monitor is None:
        return 0.0
    period = PERIOD_DAYS.get(monitor.period, PERIOD_DAYS["month"])
    length = monitor.window_step or monitor.window_length or 1
    length = 1 if monitor.period == "prediction" else length
    return max(PERIODS_LATE * period * length, 1.0) + (monitor.evaluate_after or 0.0) / 24


def _keeps_log(store: Store, name: str) -> bool:
    """Whether a prediction was logged: in the journal, or in a file made of it."""
    folders = (
        log.journal_folder(store.folder, name), log.tree_folder(store.folder, PREDICTIONS, name)
    )  # fmt: skip
    return any(folder.is_dir() and any(folder.iterdir()) for folder in folders)


def _evaluated(session: Session, names: Collection[str]) -> dict[str, datetime]:
    query = select(col(Window.deployment), func.max(col(Window.evaluated_at))).where(
        col(Window.deployment).in_(names), col(Window.removed_at).is_(None)
    )
    return dict(session.execute(query.group_by(col(Window.deployment))).all())


def _retrained(session: Session, names: Collection[str]) -> dict[str, int]:
    """Retrainings that a trigger has started."""
    query = select(col(RetrainingDecision.deployment), func.count()).where(
        col(RetrainingDecision.deployment).in_(names), col(RetrainingDecision.outcome) == STARTED
    )
    rows = session.execute(query.group_by(col(RetrainingDecision.deployment)))
    return dict(rows.all())


def _backtests(session: Session, names: Collection[str]) -> dict[str, int]:
    query = select(col(Job.subject_ref), func.count()).where(
        col(Job.kind) == BACKTEST, col(Job.status) == SUCCEEDED, col(Job.subject_ref).in_(names)
    )
    return dict(session.execute(query.group_by(col(Job.subject_ref))).all())


def _schema_rules(session: Session, names: Collection[str]) -> dict[str, int]:
    query = select(col(AlertRule.deployment), func.count()).where(
        col(AlertRule.deployment).in_(names),
        col(AlertRule.enabled).is_(True),
        col(AlertRule.signal) == DATA_QUALITY,
        col(AlertRule.check).in_(SCHEMA_CHECKS),
    )
    return dict(session.execute(query.group_by(col(AlertRule.deployment))).all())


def _unexplained(session: Session, names: Collection[str]) -> dict[str, int]:
    """Changes that no actor has signed."""
    query = select(col(Revision.deployment), func.count()).where(
        col(Revision.deployment).in_(names), col(Revision.by) == ""
    )
    return dict(session.execute(query.group_by(col(Revision.deployment))).all())


def _rollbacks(
    session: Session, names: Collection[str]
) -> Mapping[str, tuple[datetime, float | None]]:
    """The newest rollback of each, and how long it took until the other version answered.

    A version that was warm answered at once. One whose process was started for it, and has been
    replaced since, does not say any more when it was ready.
    """
    query = select(Revision).where(
        col(Revision.deployment).in_(names), col(Revision.action) == ROLLED_BACK
    )
    newest = {row.deployment: row for row in session.scalars(query.order_by(col(Revision.seq)))}
    ready = select(Replica).where(
        col(Replica.deployment).in_(list(newest)), col(Replica.state) == READY
    )
    since: dict[Pair, datetime] = {}
    for replica in session.scalars(ready):
        if replica.ready_at is not None:
            key = (replica.deployment, replica.version)
            since[key] = min(since.get(key, replica.ready_at), replica.ready_at)
    return {
        name: (row.at, _seconds(row.at, since.get((name, row.version))))
        for name, row in newest.items()
    }


def _seconds(at: datetime, ready: datetime | None) -> float | None:
    return None if ready is None else max((ready - at).total_seconds(), 0.0)


def served_before(session: Session, pairs: Sequence[Pair]) -> dict[Pair, str]:
    """The versions that answered in one deployment before they took over another one."""
    query = select(
        col(Revision.model), col(Revision.version), col(Revision.deployment),
        func.min(col(Revision.at)),
    ).where(
        col(Revision.model).in_({model for model, _ in pairs}), col(Revision.action) != STOPPED
    )  # fmt: skip
    starts: dict[Pair, list[tuple[datetime, str]]] = defaultdict(list)
    grouped = query.group_by(col(Revision.model), col(Revision.version), col(Revision.deployment))
    for model, version, name, at in session.execute(grouped):
        starts[model, version].append((at, name))
    return {
        pair: f"it answered in {min(items)[1]} first"
        for pair, items in starts.items()
        if pair in pairs and len(items) > 1
    }


def rolled_out(session: Session, pairs: Sequence[Pair]) -> dict[Pair, str]:
    """The versions that took over by a rollout that was analysed on the way."""
    query = (
        select(
            col(Rollout.model), col(Rollout.chosen_version), col(Rollout.strategy),
            func.count(col(RolloutAnalysis.id)),
        )
        .join(RolloutAnalysis, col(RolloutAnalysis.rollout) == col(Rollout.id))
        .where(col(Rollout.state) == SUCCEEDED, col(Rollout.model).in_({m for m, _ in pairs}))
        .group_by(col(Rollout.id), col(Rollout.model), col(Rollout.chosen_version),
                  col(Rollout.strategy))
    )  # fmt: skip
    return {
        (model, version): f"it took over by a rollout ({strategy}) with {count} analyses"
        for model, version, strategy, count in session.execute(query)
        if (model, version) in pairs
    }
