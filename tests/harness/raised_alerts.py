"""A deployment whose alerts tests raise directly, and a sender that notes what it is given."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from pilothouse.deployments.tables import Deployment
from pilothouse.kit.clock import Clock, FixedClock, to_ms
from pilothouse.kit.ids import uuid7
from pilothouse.monitoring import alert_rules, alerts
from pilothouse.monitoring.alert_rules import AlertRuleSpec
from pilothouse.monitoring.notifications import outbox
from pilothouse.monitoring.notifications.channels import ChannelSpec
from pilothouse.monitoring.notifications.delivery import NotificationRequest, deliver_due
from pilothouse.monitoring.notifications.notifications import Notifications
from pilothouse.monitoring.tables import AlertRule, CheckResult, Window
from pilothouse.storage import Store
from pilothouse.workspace import Workspace

WEEK = timedelta(days=7)
CONDITIONS = {
    "feature_drift": ("drifted_share", "above", 0.5),
    "data_quality": ("missing", "above", 0.5),
}
PERFORMANCE = ("roc_auc", "below", 0.7)
GOOD, BAD = {"above": 0.1, "below": 0.9}, {"above": 0.9, "below": 0.1}


@dataclass
class Ward:
    """Windows with results of one's choice, and what channels are sent about them."""

    store: Store
    clock: Clock
    workspace: Workspace
    outbox: list[NotificationRequest] = field(default_factory=list)
    replies: list[str] = field(default_factory=list)
    weeks: int = 0
    checks: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, workspace: Workspace) -> Ward:
        """The ward of a workspace, with its deployment."""
        store, now = workspace.store, workspace.store.now()
        row = Deployment(
            name="churn",
            model="",
            version=1,
            desired_state="stopped",
            created_at=now,
            created_by="ada",
            updated_at=now,
        )
        with store.write() as session:
            session.add(row)
        return cls(store, store.clock, workspace)

    @property
    def notifications(self) -> Notifications:
        return self.workspace.notifications

    def rule(self, name: str, signal: str, **how: Any) -> str:
        check, condition, threshold = CONDITIONS.get(signal, PERFORMANCE)
        spec = {"check": check, "condition": condition, "threshold": threshold}
        self.checks[signal] = how.get("check", check)
        how = {"for_windows": 1, "clear_windows": 1, **spec, **how}
        with self.store.write() as session:
            rule = AlertRuleSpec(name=name, signal="performance", **how)
            rule_id = alert_rules.add_rule(session, self.store, "churn", rule)
            session.get_one(AlertRule, rule_id).signal = signal
        return rule_id

    def channel(
        self, name: str = "ops", address: str = "json://alerts.example.org/", **how: Any
    ) -> str:
        return self.notifications.add_channel(ChannelSpec(name, address, **how))

    def window(self, rows: int = 1000, **signals: str) -> Window:
        """Evaluate the next week; each signal has the status, and a score that goes with it."""
        start = self.clock.now().replace(hour=0) + self.weeks * WEEK
        self.weeks += 1
        self.later(seconds=1)
        window = Window(
            id=uuid7(to_ms(start)), deployment="churn", model="", version=1, start=start,
            end=start + WEEK, rows=rows, labelled=rows, status="ok", drift_status="ok",
            performance_status="ok", columns=1, judged=1, drifted=0, profile="", content="",
            created_at=start, evaluated_at=start,
        )  # fmt: skip
        with self.store.write() as session:
            session.add(window)
            session.flush()
            session.add_all(self._result(window, *pair) for pair in signals.items())
            session.flush()
            alerts.evaluate_rules(session, self.store, window)
            outbox.queue(session, self.store, "churn")
        return window

    def _result(self, window: Window, signal: str, status: str) -> CheckResult:
        check, condition, threshold = CONDITIONS.get(signal, PERFORMANCE)
        if signal == "schema":
            signal, check = "data_quality", "absent_inputs"
        check = self.checks.get(signal, check)
        score = (GOOD if status == "ok" else BAD)[condition]
        return CheckResult(
            window_id=window.id, revision=1, signal=signal, check=check, column="", method="",
            status=status, direction=condition, score=score, threshold=threshold, reference=0.5,
            primary=True,
        )  # fmt: skip

    def state(self, name: str) -> str:
        frame = self.workspace.monitoring.alerts()
        return str(frame[frame["name"] == name]["state"].iloc[0])

    def alert(self, name: str) -> str:
        frame = self.workspace.monitoring.alerts()
        return str(frame[frame["name"] == name]["id"].iloc[0])

    def deliver(self) -> list[str]:
        """Queue what is due, send it, and return the titles of this round."""
        outbox.queue_due(self.store)
        before = len(self.outbox)
        deliver_due(self.store, self._send)
        return [request.title for request in self.outbox[before:]]

    def later(self, **span: float) -> None:
        if isinstance(self.clock, FixedClock):
            self.clock.advance(timedelta(**span))

    def _send(self, request: NotificationRequest) -> str:
        self.outbox.append(request)
        return self.replies.pop(0) if self.replies else ""
