"""The states of an alert over consecutive windows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.monitoring.alert_state import Condition, Verdict, combine, evaluate, has_cleared

LETTERS: dict[str, Verdict] = {"b": "breach", "x": "between", "c": "clear", "?": "unknown"}
histories = st.text(alphabet="bbcx?", max_size=40)
often = st.integers(1, 4)


def phase(history: str, for_windows: int = 2, clear_windows: int = 2) -> str:
    return evaluate((LETTERS[letter] for letter in history), for_windows, clear_windows).phase


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ("", "inactive"),
        ("b", "pending"),
        ("bcb", "pending"),
        ("bxb", "pending"),
        ("bb", "firing"),
        ("b?b", "firing"),
        ("bbc", "firing"),
        ("bbcbc", "firing"),
        ("bbxxxx", "firing"),
        ("bbcxc", "firing"),
        ("bbcc", "inactive"),
        ("bbc?c", "inactive"),
        ("bbccb", "pending"),
        ("????", "inactive"),
    ],
)
def test_two_breaches_fire_and_two_clear_windows_end_it(history: str, expected: str) -> None:
    assert phase(history) == expected


@given(histories, often, often)
def test_firing_is_a_run_of_breaches_after_the_last_run_of_clears(
    history: str, for_windows: int, clear_windows: int
) -> None:
    """The same promise said in words of text instead of states."""
    decisive = history.replace("?", "")
    since_clear = decisive.rsplit("c" * clear_windows, 1)[-1]
    expected = "b" * for_windows in since_clear
    assert (phase(history, for_windows, clear_windows) == "firing") == expected


@given(histories, often, often)
def test_unknown_windows_change_nothing(history: str, for_windows: int, clear_windows: int) -> None:
    decisive = history.replace("?", "")
    assert phase(history, for_windows, clear_windows) == phase(decisive, for_windows, clear_windows)


@given(histories, often, often)
def test_enough_clear_windows_end_everything(
    history: str, for_windows: int, clear_windows: int
) -> None:
    assert phase(history + "c" * clear_windows, for_windows, clear_windows) == "inactive"


@given(histories, often, often)
def test_an_episode_begins_with_a_breach(
    history: str, for_windows: int, clear_windows: int
) -> None:
    now = evaluate((LETTERS[letter] for letter in history), for_windows, clear_windows)
    assert (now.opened is None) == (now.phase == "inactive")
    if now.opened is not None:
        assert history[now.opened] == "b"


def test_hysteresis_keeps_firing_between_the_two_thresholds() -> None:
    condition = Condition("above", 0.5, clear=0.3)
    verdicts = [condition.verdict(score, None) for score in (0.6, 0.5, 0.4, 0.3, None)]
    assert verdicts == ["breach", "between", "between", "clear", "unknown"]


def test_below_the_reference_needs_a_reference() -> None:
    condition = Condition("below_reference", 0.05, clear=0.03)
    assert condition.verdict(0.60, 0.70) == "breach"
    assert condition.verdict(0.66, 0.70) == "between"
    assert condition.verdict(0.68, 0.70) == "clear"
    assert condition.verdict(0.60, None) == "unknown"
    assert Condition("above_reference", 0.1).verdict(0.85, 0.70) == "breach"


def test_below_is_above_turned_round() -> None:
    condition = Condition("below", 0.6, clear=0.65)
    assert [condition.verdict(s, None) for s in (0.55, 0.62, 0.66)] == [
        "breach",
        "between",
        "clear",
    ]


def test_one_breach_among_columns_is_enough_and_all_must_be_clear() -> None:
    assert combine(["clear", "breach", "unknown"]) == "breach"
    assert combine(["clear", "between"]) == "between"
    assert combine(["clear", "unknown"]) == "clear"
    assert combine(["unknown"]) == "unknown"
    assert combine([]) == "unknown"


@given(
    st.lists(st.sampled_from(["breach", "between", "clear", "unknown"]), max_size=40),
    st.integers(0, 40),
    st.integers(1, 4),
    st.integers(1, 4),
)
def test_windows_before_a_clear_run_do_not_matter(
    verdicts: list[Verdict], cut: int, for_windows: int, clear_windows: int
) -> None:
    newest = verdicts[cut:]
    if not has_cleared(newest, clear_windows):
        return
    part = evaluate(newest, for_windows, clear_windows)
    whole = evaluate(verdicts, for_windows, clear_windows)
    assert (part.phase, part.breaches) == (whole.phase, whole.breaches)
    offset = min(cut, len(verdicts))
    assert whole.opened == (None if part.opened is None else part.opened + offset)
