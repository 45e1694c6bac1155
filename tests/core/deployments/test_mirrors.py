"""Copies of live requests: bounded, counted, in pairs, and never in anybody's way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from harness.serving import SIGNATURE
from pilothouse.deployments.gateway.bodies import CheckedRequest
from pilothouse.deployments.gateway.deployment_route import DeploymentRoute
from pilothouse.deployments.gateway.feedback_body import read_feedback
from pilothouse.deployments.gateway.metrics import GatewayMetrics
from pilothouse.deployments.gateway.mirrors import MAX_QUEUED, Mirrors
from pilothouse.deployments.gateway.request import ReplyForm
from pilothouse.deployments.model_server.framing import FAILURE, SUCCESS
from pilothouse.deployments.shadow_files import shadow_file
from pilothouse.deployments.traffic_split import TrafficSplit
from pilothouse.kit.errors import Invalid, TooLarge
from pilothouse.models.signature import Signature

SPLIT = TrafficSplit("rollout-7", ((2, 0), (1, 10_000)), mirrors=((2, 10_000),))
REQUEST = CheckedRequest(
    rows=2,
    names=SIGNATURE.names,
    event_ms=None,
    prediction_ids=None,
    request_id="",
    reply=ReplyForm(),
    values={"distance": [1.0, 2.0], "carrier": ["AA", "B6"], "wind": [None, 3.0]},
)


@dataclass
class Candidate:
    """Stands for a candidate's process and for the routing table."""

    signature: Signature = SIGNATURE
    reply: Callable[[], Awaitable[bytes]] | None = None
    ready: bool = True
    requests: list[CheckedRequest] = field(default_factory=list)

    @property
    def route(self) -> DeploymentRoute:
        live = DeploymentRoute("flights", "late", 1, False, SIGNATURE, ())
        candidate = replace(live, version=2, signature=self.signature, role="candidate")
        return replace(live, traffic=SPLIT, variants=(candidate,))

    def get(self, _name: str) -> DeploymentRoute:
        return self.route

    def ready_connection(self, _route: DeploymentRoute) -> Candidate | None:
        return self if self.ready else None

    async def predict(self, request: CheckedRequest, _seconds: float) -> bytes:
        self.requests.append(request)
        if self.reply is not None:
            return await self.reply()
        return SUCCESS + orjson.dumps([[0.25, 0.75], [0.5, 0.5]])


def mirrored(
    folder: Path, candidate: Candidate, count: int = 1
) -> tuple[dict[str, int], list[dict[str, Any]]]:
    """What becomes of some copies: the counters by result, and the lines of the file."""
    metrics = GatewayMetrics()

    async def offer() -> None:
        mirrors = Mirrors(folder, candidate, metrics)  # type: ignore[arg-type]
        rows = [[0.9, 0.1], [0.2, 0.8]]
        live = candidate.route.answers.response("flights", 1, "", ["a", "b"], rows)
        for number in range(count):
            mirrors.offer(candidate.route, str(number), REQUEST, live, 0.0125)
        await mirrors.drained()

    asyncio.run(offer())
    path = shadow_file(folder, "flights", "rollout-7")
    lines = path.read_bytes().splitlines() if path.exists() else []
    results = {result: count for (_, _, result), count in metrics.mirrored.items()}
    return results, [orjson.loads(line) for line in lines]


def test_a_copy_is_answered_and_kept_beside_the_live_answer(tmp_path: Path) -> None:
    results, [line] = mirrored(tmp_path, Candidate())
    assert results == {"answered": 1}
    assert line["out"] == {"score": [0.75, 0.5]}
    assert line["live"] == {"score": [0.1, 0.8]}
    assert (line["live_ms"], line["ms"] < 12.5) == (12.5, True)
    assert (line["version"], line["live_version"], line["rows"], line["status"]) == (2, 1, 2, 200)


def test_a_candidate_that_fails_or_is_gone_is_noted_and_disturbs_nobody(tmp_path: Path) -> None:
    async def broken() -> bytes:
        return FAILURE + b"KeyError"

    results, [line] = mirrored(tmp_path / "a", Candidate(reply=broken))
    assert (results, line["status"], line["out"]) == ({"failed": 1}, 500, {})

    async def gone() -> bytes:
        raise ConnectionResetError

    results, [line] = mirrored(tmp_path / "b", Candidate(reply=gone))
    assert (results, line["status"]) == ({"failed": 1}, 503)
    assert mirrored(tmp_path / "c", Candidate(ready=False)) == ({"dropped": 1}, [])


def test_copies_that_a_busy_candidate_cannot_take_are_dropped_and_counted(tmp_path: Path) -> None:
    results, lines = mirrored(tmp_path, Candidate(), count=MAX_QUEUED + 40)
    assert results == {"answered": MAX_QUEUED, "dropped": 40}
    assert len(lines) == MAX_QUEUED


def test_a_candidate_gets_its_columns_in_its_own_order(tmp_path: Path) -> None:
    turned = replace(SIGNATURE, inputs=tuple(reversed(SIGNATURE.inputs)))
    candidate = Candidate(turned)
    mirrored(tmp_path, candidate)
    assert candidate.requests[0].values == {
        "wind": [None, 3.0], "carrier": ["AA", "B6"], "distance": [1.0, 2.0],
    }  # fmt: skip
    assert list(candidate.requests[0].values or ()) == ["wind", "carrier", "distance"]


def test_rewards_are_read_one_or_many() -> None:
    [one] = read_feedback(b'{"prediction_id": "a", "reward": 2}', lambda _: 9)
    assert (one.prediction_id, one.reward, one.version) == ("a", 2.0, None)
    many = b'{"feedback": [{"entity_id": "anna", "reward": 1.5}, {"entity_id": "b", "reward": 0}]}'
    assert [(r.entity_id, r.version) for r in read_feedback(many, lambda e: len(e))] == [
        ("anna", 4),
        ("b", 1),
    ]


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b'{"feedback": []}',
        b'{"feedback": [1]}',
        b'{"reward": 1}',
        b'{"prediction_id": "a", "entity_id": "b", "reward": 1}',
        b'{"prediction_id": "", "reward": 1}',
        b'{"prediction_id": "a", "reward": true}',
        b'{"prediction_id": "a", "reward": 1e300}',
        b'{"prediction_id": "a", "reward": 1' + b"0" * 400 + b"}",
        b'{"prediction_id": "a", "reward": 1, "label": 0}',
        b'{"prediction_id": 17, "reward": 1}',
    ],
)
def test_feedback_that_is_none_is_refused(body: bytes) -> None:
    with pytest.raises(Invalid):
        read_feedback(body, lambda _: 1)


def test_feedback_is_bounded() -> None:
    item = {"prediction_id": "a", "reward": 1}
    with pytest.raises(TooLarge):
        read_feedback(orjson.dumps({"feedback": [item] * 10_001}), lambda _: 1)
    with pytest.raises(TooLarge):
        read_feedback(b" " * (2 << 20), lambda _: 1)
