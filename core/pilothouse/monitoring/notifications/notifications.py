"""The API of notifications, for screens, commands and notebooks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pilothouse.kit.errors import NotFound
from pilothouse.monitoring import alerts
from pilothouse.monitoring.notifications import channels, inbox, outbox, rule_tests, silences
from pilothouse.monitoring.notifications.channels import ChannelInfo, ChannelSpec
from pilothouse.monitoring.notifications.silences import SilenceSpec
from pilothouse.monitoring.notifications.views import AlertView, views
from pilothouse.monitoring.tables import NotificationDelivery
from pilothouse.storage.service import Service

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class DeliveryInfo:
    """The current state of a notification to one channel."""

    id: str
    channel_id: str
    kind: str
    deployment: str
    severity: str
    title: str
    body: str
    status: str
    attempts: int
    next_at: datetime
    error: str
    created_at: datetime
    ended_at: datetime | None


class Notifications(Service):
    """Channels, deliveries, silences, and the inbox of alerts."""

    def channels(self) -> list[ChannelInfo]:
        """The channels, by name; never with their secret URLs."""
        with self._store.read() as session:
            return [channels.channel_info(row) for row in channels.channels(session)]

    def channel(self, channel: str) -> ChannelInfo:
        """The channel of a name or an id. Raises NotFound."""
        with self._store.read() as session:
            return channels.channel_info(channels.require(session, channel))

    def add_channel(self, channel: ChannelSpec) -> str:
        """Add a channel and return its id. Alerts that fire now are notified at once.

        Raises Invalid, Conflict for a taken name, Unavailable when Apprise is not installed.
        """
        with self._store.write() as session:
            return channels.add(session, self._store, channel)

    def change_channel(self, channel: str, reason: str = "", **changes: Any) -> ChannelInfo:
        """Change fields of a channel, such as `enabled`. Raises NotFound, Invalid or Conflict."""
        with self._store.write() as session:
            row = channels.require(session, channel)
            return channels.change(session, self._store, row.id, changes, reason)

    def remove_channel(self, channel: str, reason: str = "") -> None:
        """Remove a channel and its stored URL; its deliveries stay in the log. Raises NotFound."""
        with self._store.write() as session:
            row = channels.require(session, channel)
            channels.remove(session, self._store, row.id, reason)

    def test_channel(self, channel: str) -> str:
        """Have the worker send a test message, once, and return the delivery's id.

        Raises NotFound.
        """
        with self._store.write() as session:
            row = channels.require(session, channel)
            return outbox.queue_test(session, self._store, row)

    def test_rule(self, rule: str) -> list[str]:
        """Have the worker send a test message to every channel of a rule; the deliveries' ids.

        Raises NotFound, Conflict when no channel that is on takes the alerts of the rule.
        """
        with self._store.write() as session:
            return rule_tests.queue_rule_test(session, self._store, rule)

    def rule_channels(self, rule: str) -> list[ChannelInfo]:
        """The channels that are on and take the alerts of a rule. Raises NotFound."""
        with self._store.read() as session:
            rows = rule_tests.rule_channels(session, rule)
            return [channels.channel_info(row) for row in rows]

    def deliveries(
        self, *, channel: str | None = None, alert: str | None = None, limit: int = 200
    ) -> pd.DataFrame:
        """The delivery log, newest first; columns as in `inbox.DELIVERIES`."""
        with self._store.read() as session:
            return inbox.deliveries(session, channel, alert, limit)

    def delivery(self, delivery: str) -> DeliveryInfo:
        """One delivery with its text. Raises NotFound."""
        with self._store.read() as session:
            row = session.get(NotificationDelivery, delivery)
            if row is None:
                raise NotFound(f"there is no delivery {delivery!r}.")
            names = DeliveryInfo.__dataclass_fields__
            return DeliveryInfo(**{name: getattr(row, name) for name in names})

    def silences(self, *, ended: bool = False) -> pd.DataFrame:
        """Silences that hold, or those that have ended; columns as in `inbox.SILENCES`."""
        with self._store.read() as session:
            return inbox.silences(session, self._store.now(), ended=ended)

    def add_silence(self, silence: SilenceSpec) -> str:
        """Mute notifications of matching alerts until an end, and return the silence's id.

        The alerts move on; one that fires still when the silence ends is notified then. Raises
        Invalid without a reason, or with an end that has passed.
        """
        with self._store.write() as session:
            return silences.add(session, self._store, silence)

    def end_silence(self, silence: str, reason: str = "") -> None:
        """End a silence now. Raises NotFound, or Conflict when it has ended."""
        with self._store.write() as session:
            silences.end(session, self._store, silence, reason)

    def inbox(
        self,
        show: str | None = None,
        *,
        deployment: str | None = None,
        resolved: int = inbox.MAX_RESOLVED,
    ) -> pd.DataFrame:
        """Alerts by what they need: open, acknowledged, muted or resolved; all without `show`.

        Of those that have ended, the newest `resolved` ones that had fired. By deployment, the
        most severe first; columns as in `inbox.INBOX`. Raises Invalid.
        """
        with self._store.read() as session:
            return inbox.inbox(session, self._store.now(), show, deployment, resolved)

    def view(self, alert: str) -> AlertView:
        """How an alert is notified: its severity after harm, what mutes it, and why.

        Raises NotFound.
        """
        with self._store.read() as session:
            row = alerts.require(session, alert)
            return views(session, [row], self._store.now())[row.id]
