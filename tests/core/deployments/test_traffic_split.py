"""The split of requests: exact enough, sticky, and never taken back while a share grows."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as some

from pilothouse.deployments.traffic_split import BUCKETS, TrafficSplit, named_versions
from pilothouse.kit.errors import Invalid

SALTS = some.text(max_size=80)
SHARES = some.integers(0, BUCKETS)


@given(SALTS, SHARES, SHARES, some.text(max_size=50))
def test_a_caller_that_a_candidate_answered_stays_as_its_share_grows(
    salt: str, one: int, other: int, caller: str
) -> None:
    small, large = sorted((one, other))
    before = TrafficSplit(salt, ((2, small), (1, BUCKETS - small)))
    after = TrafficSplit(salt, ((2, large), (1, BUCKETS - large)))
    assert before.choose(caller) == before.choose(caller)
    if before.choose(caller) == 2:
        assert after.choose(caller) == 2


@pytest.mark.parametrize("share", [100, 500, 2_500, 5_000, 9_900])
def test_ten_thousand_callers_are_split_within_one_percent(share: int) -> None:
    traffic = TrafficSplit("a rollout", ((2, share), (1, BUCKETS - share)))
    callers = Counter(traffic.choose(f"customer {n}") for n in range(10_000))
    assert abs(callers[2] - share) <= 100


def test_several_versions_get_their_shares_and_another_salt_is_another_draw() -> None:
    weights = ((2, 2_000), (3, 3_000), (1, 5_000))
    traffic = TrafficSplit("first", weights)
    callers = Counter(traffic.choose(str(n)) for n in range(10_000))
    assert all(abs(callers[version] - weight) <= 100 for version, weight in weights)
    second = TrafficSplit("second", weights)
    moved = sum(traffic.choose(str(n)) != second.choose(str(n)) for n in range(1_000))
    assert 500 < moved < 750  # as two independent draws do: 62 %


@given(SALTS, SHARES, some.text(max_size=50))
def test_a_split_is_read_back_as_it_was_stored(salt: str, share: int, caller: str) -> None:
    traffic = TrafficSplit(salt, ((2, share), (1, BUCKETS - share)), ((2, 100),), (2,))
    again = TrafficSplit.from_json(traffic.to_json())
    assert again == traffic
    assert again.bucket(caller) == traffic.bucket(caller)
    assert named_versions(traffic.to_json()) == {1, 2}
    assert named_versions(None) == frozenset()


def test_copies_are_drawn_apart_from_the_answers() -> None:
    traffic = TrafficSplit("x", ((2, 5_000), (1, 5_000)), mirrors=((3, 5_000),))
    both = sum(traffic.choose(str(n)) == 2 and bool(traffic.mirrored(str(n))) for n in range(4_000))
    assert 850 < both < 1_150
    assert TrafficSplit("x", ((1, BUCKETS),)).mirrored("any") == ()


def test_the_roles_of_versions() -> None:
    canary = TrafficSplit("x", ((7, 100), (4, 9_900)))
    assert (canary.role(4), canary.role(7), canary.role(9)) == ("stable", "candidate", "candidate")
    several = TrafficSplit("x", ((5, 1_000), (6, 1_000), (4, 8_000)))
    assert [several.role(version) for version in (4, 5, 6)] == ["a", "b", "c"]


def test_who_may_be_named_in_a_request() -> None:
    traffic = TrafficSplit("x", ((2, 0), (3, 10), (1, 9_990)), previews=(5,))
    assert [traffic.is_reachable(version) for version in (1, 2, 3, 5, 6)] == [
        True, False, True, True, False,
    ]  # fmt: skip
    assert (traffic.weight(3), traffic.weight(9)) == (10, 0)


@pytest.mark.parametrize(
    "weights",
    [((1, 9_999),), ((1, 5_000), (1, 5_000)), ((1, 10_001), (2, -1)), ()],
)
def test_a_split_that_is_none_is_refused(weights: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(Invalid):
        TrafficSplit("x", weights)
