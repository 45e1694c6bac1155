"""What monitoring has recorded: windows of versions, rules that fired, alerts, and deliveries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from statistics import median

from sqlalchemy import and_, func, or_, select, tuple_
from sqlmodel import Session, col

from pilothouse.activity.actors import AUTOMATIC
from pilothouse.activity.tables import ActivityEntry
from pilothouse.deployments.tables import Revision
from pilothouse.governance.maturity.deployment_records import ROLLED_BACK
from pilothouse.governance.maturity.evidence_values import (
    AnsweredWindows,
    Incident,
    WatchingRule,
)
from pilothouse.governance.maturity.verdicts import EvidenceLink
from pilothouse.monitoring.alert_rules import rule_title
from pilothouse.monitoring.checks import ESTIMATED_PERFORMANCE, PERFORMANCE
from pilothouse.monitoring.notifications.rule_tests import TESTED
from pilothouse.monitoring.tables import (
    OPEN,
    SENT,
    Alert,
    AlertEvent,
    AlertRule,
    Channel,
    CheckResult,
    NotificationDelivery,
    Window,
    of_newest_revision,
)

NEWEST = 20  # windows of a version
COMMENTED, NOTED, REMOVED = "commented", "noted", "removed comment"  # verbs of the audit log
WRITTEN = (COMMENTED, NOTED, REMOVED)
INCIDENT_DAYS = 365
MAX_INCIDENTS = 200
Pair = tuple[str, int]


def answered_windows(session: Session, pairs: Sequence[Pair]) -> dict[Pair, AnsweredWindows]:
    """The newest windows of each version together, and which checks they have results of."""
    if not pairs:
        return {}
    newest = _newest(session, pairs)
    results = _results(session, [window for ids in newest.values() for window in ids])
    totals = {}
    for pair, windows in newest.items():
        checks = [results.get(window, ([], 0)) for window in windows]
        totals[pair] = AnsweredWindows(
            windows=len(windows),
            rows=sum(rows for rows, _, _ in windows.values()),
            labelled=sum(labelled for _, labelled, _ in windows.values()),
            judged=sum(judged for _, _, judged in windows.values()),
            results=frozenset(key for keys, _ in checks for key in keys),
            compared=sum(count for _, count in checks),
        )
    return totals


def _newest(session: Session, pairs: Sequence[Pair]) -> dict[Pair, dict[str, tuple[int, int, int]]]:
    """Rows, labelled and judged of the newest windows of each version, by the window's id."""
    of_version = func.row_number().over(
        partition_by=(col(Window.model), col(Window.version)), order_by=col(Window.end).desc()
    )
    columns = ("id", "model", "version", "rows", "labelled", "judged")
    numbered = (
        select(*[getattr(Window, name) for name in columns], of_version.label("place"))
        .where(
            tuple_(col(Window.model), col(Window.version)).in_(pairs),
            col(Window.removed_at).is_(None),
        )
        .subquery()
    )
    held: dict[Pair, dict[str, tuple[int, int, int]]] = defaultdict(dict)
    for row in session.execute(select(numbered).where(numbered.c.place <= NEWEST)):
        held[row.model, row.version][row.id] = (row.rows, row.labelled, row.judged)
    return held


def _results(
    session: Session, windows: Sequence[str]
) -> dict[str, tuple[list[tuple[str, str]], int]]:
    """The checks of each window, and how many figures stand beside one of the reference."""
    compared = func.count().filter(
        and_(col(CheckResult.score).is_not(None), col(CheckResult.reference).is_not(None),
             col(CheckResult.signal).in_((PERFORMANCE, ESTIMATED_PERFORMANCE)))
    )  # fmt: skip
    keys = (col(CheckResult.window_id), col(CheckResult.signal), col(CheckResult.check))
    query = (
        select(*keys, compared.label("compared"))
        .join(Window, of_newest_revision())
        .where(col(CheckResult.window_id).in_(windows))
        .group_by(*keys)
    )
    held: dict[str, tuple[list[tuple[str, str]], int]] = {}
    for row in session.execute(query):
        checks, count = held.get(row.window_id, ([], 0))
        held[row.window_id] = ([*checks, (row.signal, row.check)], count + row.compared)
    return held


def watching_rules(session: Session, deployments: Sequence[str]) -> tuple[WatchingRule, ...]:
    """The rules of these deployments that are on: whether each has fired or was tested."""
    fired = select(col(Alert.rule_id)).where(col(Alert.fired_at).is_not(None)).distinct()
    tested = select(col(ActivityEntry.ref)).where(
        col(ActivityEntry.kind) == "rule", col(ActivityEntry.verb) == TESTED
    )
    done = {*session.scalars(fired), *session.scalars(tested)}
    query = select(AlertRule).where(
        col(AlertRule.deployment).in_(deployments), col(AlertRule.enabled).is_(True)
    )
    rows = session.scalars(query.order_by(col(AlertRule.deployment), col(AlertRule.name)))
    return tuple(
        WatchingRule(row.id, row.deployment, rule_title(row.name), row.id in done) for row in rows
    )


def acknowledgements(session: Session, now: datetime) -> tuple[int, float | None]:
    """How many alerts are open, and the median of hours until a firing one was acknowledged.

    One that fires and waits still counts with the time that it has waited.
    """
    query = select(col(Alert.state), col(Alert.fired_at), col(Alert.acknowledged_at)).where(
        col(Alert.fired_at).is_not(None),
        or_(col(Alert.acknowledged_at).is_not(None), col(Alert.state).in_(OPEN)),
    )
    rows = session.execute(query).all()
    hours = [((row.acknowledged_at or now) - row.fired_at) / timedelta(hours=1) for row in rows]
    return sum(row.state in OPEN for row in rows), median(hours) if hours else None


def deliveries(session: Session) -> tuple[tuple[EvidenceLink, ...], int]:
    """What channels that are on have delivered, and how many such channels there are."""
    channels = session.scalars(
        select(Channel).where(col(Channel.enabled).is_(True), col(Channel.removed_at).is_(None))
    ).all()
    query = select(
        col(NotificationDelivery.channel_id), func.max(col(NotificationDelivery.ended_at))
    ).where(
        col(NotificationDelivery.status) == SENT,
        col(NotificationDelivery.channel_id).in_([channel.id for channel in channels]),
    )
    grouped = session.execute(query.group_by(col(NotificationDelivery.channel_id)))
    newest = dict(grouped.all())
    links = [
        EvidenceLink(
            "channel", row.id, row.name, f"it delivered a message on {newest[row.id]:%Y-%m-%d}"
        )
        for row in channels
        if newest.get(row.id) is not None
    ]
    return tuple(links), len(channels)


def incidents(session: Session, now: datetime) -> tuple[Incident, ...]:
    """Rollbacks and critical alerts of the last year, and whether somebody wrote a note on each."""
    since = now - timedelta(days=INCIDENT_DAYS)
    return (*_rollbacks(session, since), *_alerts(session, since))


def _rollbacks(session: Session, since: datetime) -> list[Incident]:
    query = select(Revision).where(col(Revision.action) == ROLLED_BACK, col(Revision.at) >= since)
    rows = session.scalars(query.order_by(col(Revision.at).desc()).limit(MAX_INCIDENTS)).all()
    written = _commented(session, "deployment", {row.deployment for row in rows})
    return [
        Incident(
            EvidenceLink(
                "deployment", r.deployment, f"rollback of {r.deployment}, {r.at:%Y-%m-%d}"
            ),
            bool(r.reason.strip()) or written.get(r.deployment, since) > r.at,
        )
        for r in rows
    ]


def _alerts(session: Session, since: datetime) -> list[Incident]:
    query = select(Alert).where(col(Alert.severity) == "critical", col(Alert.fired_at) >= since)
    rows = session.scalars(query.order_by(col(Alert.fired_at).desc()).limit(MAX_INCIDENTS)).all()
    ids = {row.id for row in rows}
    noted = select(col(AlertEvent.alert_id)).where(
        col(AlertEvent.alert_id).in_(ids), col(AlertEvent.note) != "",
        col(AlertEvent.after).in_(("acknowledged", "resolved")),
        col(AlertEvent.by).not_in(AUTOMATIC),
    )  # fmt: skip
    written = {*session.scalars(noted), *_commented(session, "alert", ids)}
    return [
        Incident(
            EvidenceLink(
                "alert",
                row.id,
                f"{rule_title(row.name)} of {row.deployment}, {row.fired_at:%Y-%m-%d}",
            ),
            row.id in written,
        )
        for row in rows
    ]


def _commented(session: Session, kind: str, refs: set[str]) -> Mapping[str, datetime]:
    """When somebody wrote about these objects last: a comment, or a note in a review.

    Read from the audit log, which has every comment; one that was removed does not count.
    """
    query = select(ActivityEntry).where(
        col(ActivityEntry.kind) == kind,
        col(ActivityEntry.ref).in_(refs),
        col(ActivityEntry.verb).in_(WRITTEN),
    )
    newest: dict[str, datetime] = {}
    by_comment: dict[str, tuple[str, datetime]] = {}
    for entry in session.scalars(query.order_by(col(ActivityEntry.seq))):
        comment = str((entry.after or entry.before or {}).get("comment", entry.hash))
        by_comment[comment] = (entry.ref, entry.at)
        if entry.verb == REMOVED:
            del by_comment[comment]
    for ref, at in by_comment.values():
        newest[ref] = max(newest.get(ref, at), at)
    return newest
