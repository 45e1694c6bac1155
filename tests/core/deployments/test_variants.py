"""Which version a request gets: by name, by token, by caller, by draw."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from pilothouse.deployments.gateway.deployment_route import DeploymentRoute
from pilothouse.deployments.gateway.variants import (
    RouteTokens,
    choice_of,
    reachable_version,
)
from pilothouse.deployments.traffic_split import BUCKETS, TrafficSplit
from pilothouse.kit.asgi import json_response
from pilothouse.kit.errors import Invalid, NotFound
from pilothouse.models.signature import Signature

TOKENS = RouteTokens(b"k" * 32)
SPLIT = TrafficSplit("salt", ((2, 5_000), (1, 5_000)))


def one(version: int, role: str = "stable") -> DeploymentRoute:
    return DeploymentRoute("d", "m", version, False, Signature((), ""), (), role=role)


def route(traffic: TrafficSplit | None = SPLIT) -> DeploymentRoute:
    variants = () if traffic is None else (one(2, "candidate"),)
    return replace(one(1), traffic=traffic, variants=variants)


def chosen(deployment: DeploymentRoute, **headers: str) -> int:
    return asked(**headers).routes(deployment)[0].version


def asked(version: str | None = None, **headers: str):  # type: ignore[no-untyped-def]
    pairs = [(name.replace("_", "-").encode(), text.encode()) for name, text in headers.items()]
    return choice_of(TOKENS, {"headers": pairs}, version)


def test_without_a_rollout_there_is_nothing_to_choose() -> None:
    choice = asked(x_entity_id="anna")
    assert [each.version for each in choice.routes(route(None))] == [1]
    said = dict(choice.headers(route(None)))
    assert said[b"x-variant"] == b"stable"
    assert len(said[b"x-request-id"]) == 16
    assert b"x-route" not in said


def test_a_caller_gets_the_same_version_each_time_and_each_version_gets_its_share() -> None:
    callers = {f"customer {n}": chosen(route(), x_entity_id=f"customer {n}") for n in range(2_000)}
    assert 900 < Counter(callers.values())[2] < 1_100
    assert all(chosen(route(), x_entity_id=name) == v for name, v in callers.items())


def test_a_token_brings_a_caller_back_and_one_that_was_made_up_does_not() -> None:
    first = asked(x_request_id="a")
    version = first.routes(route())[0].version
    token = dict(first.headers(route()))[b"x-route"].decode()
    assert all(chosen(route(), x_route=token, x_request_id=str(n)) == version for n in range(50))
    bucket = token.split(".")[0]
    drawn = {
        chosen(route(), x_route=f"{bucket}.{'0' * 22}", x_request_id=str(n)) for n in range(50)
    }
    assert drawn == {1, 2}
    assert TOKENS.bucket("another", SPLIT, token) is None
    assert TOKENS.bucket("d", replace(SPLIT, salt="later"), token) is None
    assert RouteTokens(b"x" * 32).bucket("d", SPLIT, token) is None


def test_a_token_follows_the_share_as_it_grows() -> None:
    choice = asked(x_request_id="a")
    choice.routes(route())
    token = dict(choice.headers(route()))[b"x-route"].decode()
    full = TrafficSplit("salt", ((2, BUCKETS), (1, 0)))
    assert chosen(route(full), x_route=token) == 2


def test_the_caller_in_a_body_counts_unless_a_header_says_otherwise() -> None:
    choice = asked(x_request_id="a")
    choice.routes(route())
    assert choice.name_caller("anna")
    assert choice.routes(route())[0].version == chosen(route(), x_entity_id="anna")
    assert not asked(x_entity_id="bob").name_caller("anna")
    assert not asked(version="2").name_caller("anna")
    assert not asked().name_caller("")


def test_only_versions_that_answer_may_be_named() -> None:
    assert chosen(route(), x_model_version="2") == 2
    assert asked("1").routes(route()) == (route(),)
    hidden = route(TrafficSplit("salt", ((2, 0), (1, BUCKETS)), mirrors=((2, 100),)))
    with pytest.raises(NotFound, match="serves version 1; version 2 was requested"):
        asked("2").routes(hidden)
    preview = route(TrafficSplit("salt", ((2, 0), (1, BUCKETS)), previews=(2,)))
    assert reachable_version(preview, 2).version == 2
    with pytest.raises(NotFound):
        reachable_version(route(None), 2)


def test_another_version_may_answer_for_one_that_is_not_ready_but_not_for_a_named_one() -> None:
    all_new = route(TrafficSplit("salt", ((2, BUCKETS), (1, 0))))
    choice = asked()
    assert [each.version for each in choice.routes(all_new)] == [2, 1]
    choice.answered = all_new
    assert choice.fell_back
    assert dict(choice.headers(all_new))[b"x-variant"] == b"stable"
    assert [each.version for each in asked("2").routes(all_new)] == [2]


def test_a_request_id_is_given_back_and_a_strange_one_replaced() -> None:
    choice = asked(x_request_id="order-17")
    choice.routes(route())
    answer = choice.marked(json_response({}, 1), route())
    assert (b"x-request-id", b"order-17") in answer.headers
    assert (b"x-model-version", b"1") in answer.headers
    assert asked(x_request_id="two words").request_id != "two words"


@pytest.mark.parametrize("name", ["latest", "-1", "1234567890", "²"])
def test_a_header_that_names_no_version_is_refused(name: str) -> None:
    with pytest.raises(Invalid, match="version's number"):
        choice_of(TOKENS, {"headers": [(b"x-model-version", name.encode("latin-1"))]})


def test_the_secret_of_a_workspace_is_made_once_and_is_private(tmp_path: Path) -> None:
    first = RouteTokens.of_workspace(tmp_path / "run")
    assert RouteTokens.of_workspace(tmp_path / "run").secret == first.secret
    assert (tmp_path / "run" / "route.key").stat().st_mode & 0o777 == 0o600
    assert len(first.secret) == 32


def test_the_warm_version_answers_while_the_serving_one_has_no_process() -> None:
    warm = replace(one(1), variants=(one(3, "previous"),))
    assert [each.version for each in asked().routes(warm)] == [1, 3]
    with pytest.raises(NotFound):
        asked("3").routes(warm)


def test_only_versions_with_a_share_answer_in_the_place_of_another_one() -> None:
    shadow = route(TrafficSplit("salt", ((2, 0), (1, BUCKETS)), mirrors=((2, 100),)))
    assert [each.version for each in asked().routes(shadow)] == [1]
    stable = {n: asked(x_request_id=str(n)).routes(route()) for n in range(20)}
    assert {tuple(each.version for each in order) for order in stable.values()} == {(1, 2), (2, 1)}
