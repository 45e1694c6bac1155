"""Two workers on PostgreSQL: each delivery is queued once and tried by one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from harness.postgres import postgresql, why_not
from harness.raised_alerts import Ward
from pilothouse.kit.settings import Settings
from pilothouse.monitoring.notifications import delivery, outbox
from pilothouse.workspace import open_workspace

WORKERS, MESSAGES = 4, 20


@pytest.fixture
def ward(tmp_path: Path) -> Iterator[Ward]:
    if missing := why_not():
        pytest.skip(missing)
    with postgresql() as url:
        workspace = open_workspace(
            settings=Settings(workspace=tmp_path, database_url=url, actor="ada")
        )
        yield Ward.of(workspace)
        workspace.store.engine.dispose()


def at_once(act: Callable[[], Any]) -> list[Any]:
    with ThreadPoolExecutor(WORKERS) as pool:
        return [running.result() for running in [pool.submit(act) for _ in range(WORKERS)]]


def test_a_delivery_is_taken_by_one_worker(ward: Ward) -> None:
    ward.channel()
    queued = {ward.notifications.test_channel("ops") for _ in range(MESSAGES)}

    def take_all() -> list[str]:
        return [request.id for request in iter(lambda: delivery.take(ward.store), None)]

    taken = [request for requests in at_once(take_all) for request in requests]
    assert (len(taken), set(taken)) == (MESSAGES, queued)


def test_what_is_due_is_queued_once(ward: Ward) -> None:
    ward.rule("auc", "performance")
    ward.window(performance="fail")
    ward.channel()  # after the alert has fired: the workers find out that it is due
    at_once(lambda: outbox.queue_due(ward.store))
    assert ward.notifications.deliveries()["kind"].tolist() == ["firing"]
