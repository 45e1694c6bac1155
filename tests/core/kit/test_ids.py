"""Ids: their form, their order, and that a seed decides."""

from __future__ import annotations

import re
import time
import uuid

from hypothesis import given
from hypothesis import strategies as st

from pilothouse.kit.ids import run_id, run_name, seeded_uuid7, uuid7, uuid7s

INSTANTS = st.integers(0, (1 << 48) - 1)


@given(INSTANTS, st.integers(0, 50))
def test_uuid7s_have_version_variant_time_and_order(at_ms: int, count: int) -> None:
    made = uuid7s(count, at_ms)
    assert len(set(made)) == count
    assert made == sorted(made)
    for text in made:
        one = uuid.UUID(text)
        assert str(one) == text
        assert (one.int >> 76) & 0xF == 7
        assert one.variant == uuid.RFC_4122
        assert one.int >> 80 == at_ms


@given(INSTANTS, INSTANTS)
def test_uuid7s_of_a_later_instant_sort_later(one: int, other: int) -> None:
    if one < other:
        assert uuid7(one) < uuid7(other)


@given(INSTANTS, st.text(), st.text())
def test_a_seed_decides_a_uuid7_and_another_gives_another(
    at_ms: int, seed: str, other: str
) -> None:
    made = uuid.UUID(seeded_uuid7(at_ms, seed))
    assert (made.int >> 76) & 0xF == 7
    assert made.variant == uuid.RFC_4122
    assert made.int >> 80 == at_ms
    assert (seeded_uuid7(at_ms, other) == str(made)) == (other == seed)


def test_uuid7_is_of_now_unless_told_otherwise() -> None:
    before = time.time_ns() // 1_000_000
    at = uuid.UUID(uuid7()).int >> 80
    assert before <= at <= time.time_ns() // 1_000_000


def test_run_ids_have_mlflows_form() -> None:
    assert re.fullmatch("[0-9a-f]{32}", run_id())
    assert run_id() != run_id()


@given(st.text())
def test_a_run_name_is_decided_by_its_seed_and_can_be_said(seed: str) -> None:
    assert run_name(seed) == run_name(seed)
    assert re.fullmatch(r"[a-z]+-[a-z]+-\d\d", run_name(seed))
