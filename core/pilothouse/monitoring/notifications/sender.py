"""The process that sends: the only one that loads Apprise.

    python -m pilothouse.monitoring.notifications.sender   (the settings come on standard input)

It may be killed at any point and run again, see `delivery`.
"""

from __future__ import annotations

import importlib
import logging
import subprocess
import sys
import time
from typing import Any

from pilothouse.kit.errors import PilothouseError
from pilothouse.kit.settings import Settings
from pilothouse.monitoring.notifications import addresses
from pilothouse.monitoring.notifications.channels import PACKAGE, require_apprise
from pilothouse.monitoring.notifications.connections import public_addresses_only, refusal
from pilothouse.monitoring.notifications.delivery import (
    NotificationRequest,
    deliver_due,
    is_any_due,
)
from pilothouse.monitoring.notifications.outbox import queue_due
from pilothouse.monitoring.notifications.retention import remove_old
from pilothouse.monitoring.tables import RESOLVED, TEST
from pilothouse.storage import Store, open_store

MAX_SECONDS = 600
QUEUE_SECONDS = 10.0  # what alerts do themselves is queued at once, see `outbox`
REMOVE_SECONDS = 600.0
REFUSED = "The receiver did not accept it."


class NotificationWorker:
    """What the worker does for notifications.

    It queues what time makes due, has it sent, and removes what was sent long ago.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._queued_at = -QUEUE_SECONDS
        self._removed_at = -REMOVE_SECONDS

    def tick(self) -> None:
        """Send what is due in a child process; now and then look for repeats and ended silences."""
        if time.monotonic() - self._queued_at >= QUEUE_SECONDS:
            queue_due(self._store)
            self._queued_at = time.monotonic()
        if time.monotonic() - self._removed_at >= REMOVE_SECONDS:
            remove_old(self._store)
            self._removed_at = time.monotonic()
        if is_any_due(self._store):
            command = [sys.executable, "-m", "pilothouse.monitoring.notifications.sender"]
            settings = self._store.settings.model_dump_json().encode()
            subprocess.run(command, input=settings, check=True, timeout=MAX_SECONDS)


def send(store: Store, request: NotificationRequest) -> str:
    """Make one attempt; the error, or nothing when the receiver has accepted it.

    No error has the secret URL in it.
    """
    try:
        require_apprise()
        url = addresses.read_url(store.folder, request.channel_id, request.address)
    except PilothouseError as unavailable:
        return str(unavailable)
    try:
        error = _notify_at(url, request, private=store.settings.webhook_private_addresses)
    except Exception as broken:  # its traceback, with the URL, would end in the worker's log
        error = f"Apprise failed: {type(broken).__name__}: {broken}"
    return addresses.redact(error, url)


def _notify_at(url: str, request: NotificationRequest, *, private: bool) -> str:
    """Make the attempt; without `private`, at public addresses only."""
    if private:
        return _notify(url, request)
    with public_addresses_only() as refused:
        error = _notify(url, request)
    return refusal(refused[0]) if error and refused else error


def _notify(url: str, request: NotificationRequest) -> str:
    apprise: Any = importlib.import_module(PACKAGE)
    # A failed attempt is repeated by us, under the same id; nothing is written beside the database.
    asset = apprise.AppriseAsset(
        app_id="Pilothouse",
        app_desc="Pilothouse",
        app_url="",
        storage_mode=apprise.PersistentStoreMode.MEMORY,
    )
    receiver = apprise.Apprise(asset=asset)
    with apprise.LogCapture(level=logging.WARNING, fmt="%(message)s") as log:
        if not receiver.add(url):
            return f"Apprise does not know this kind of URL, or it is not whole: {_text(log)}"
        accepted = receiver.notify(
            title=request.title,
            body=request.body,
            notify_type=_type(apprise, request),
            body_format=apprise.NotifyFormat.TEXT,
        )
        return "" if accepted else _text(log) or REFUSED


def _type(apprise: Any, request: NotificationRequest) -> Any:
    if request.kind == RESOLVED:
        return apprise.NotifyType.SUCCESS
    if request.kind == TEST or request.severity == "info":
        return apprise.NotifyType.INFO
    critical = request.severity == "critical"
    return apprise.NotifyType.FAILURE if critical else apprise.NotifyType.WARNING


def _text(log: Any) -> str:
    return "; ".join(line for line in log.getvalue().splitlines() if line.strip())


if __name__ == "__main__":
    opened = open_store(Settings.model_validate_json(sys.stdin.buffer.read()))
    deliver_due(opened, lambda request: send(opened, request))
