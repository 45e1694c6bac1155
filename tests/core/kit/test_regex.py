"""Patterns mean what Python's regular expressions mean, and never take longer than a text is."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.kit.errors import Invalid
from pilothouse.kit.regex_automaton import matches, pattern

ATOMS = ["a", "b", ".", "\\d", "\\W", "[ab]", "[^a]", "[0-9_]", "\\.", "x", "1", " "]
TIMES = ["", "*", "+", "?", "{2}", "{0,2}", "{1,}", "*?"]


def joined(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    repeated = st.tuples(parts, st.sampled_from(TIMES)).map(lambda each: f"(?:{each[0]}){each[1]}")
    chained = st.lists(repeated, max_size=3).map("".join)
    return st.one_of(
        chained,
        st.tuples(chained, chained).map("|".join),
        chained.map(lambda inner: f"^{inner}"),
        chained.map(lambda inner: f"({inner})$"),
    )


EXPRESSIONS = st.recursive(st.sampled_from(ATOMS), joined, max_leaves=8)


@given(EXPRESSIONS, st.text("ab1x. \nAB", max_size=8), st.booleans())
def test_what_is_found_is_what_python_finds(text: str, value: str, folds: bool) -> None:
    flags = re.ASCII | re.DOTALL | (re.IGNORECASE if folds else 0)
    expected = re.search(text.replace("$", r"\Z"), value, flags) is not None
    assert matches(f"(?i){text}" if folds else text, value) is expected


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("(a*)*(a|a)*b", "a" * 20_000),
        ("(a+)+$", "a" * 20_000 + "b"),
        ("(a|b)*a(a|b){20}c", "ab" * 2_000),
        ("(x?){50}x{50}", "x" * 49),
    ],
)
def test_what_keeps_others_busy_for_years_is_answered(text: str, value: str) -> None:
    assert matches(text, value) is False


def test_memory_stays_bounded_and_the_answer_right() -> None:
    made = pattern("[^z]z{3}$")
    assert not made.search("".join(map(chr, range(0x100, 0x100 + 25_000))))
    assert made.search("".join(map(chr, range(0x100, 0x100 + 25_000))) + "zzz")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("(a", r"at its end: a \( is never closed"),
        ("a)", r"at character 2, near '\)'"),
        ("[a", "at character 1"),
        ("*a", "nothing before"),
        ("a**", "one repetition follows another"),
        ("^*", "cannot be repeated"),
        ("(?=a)", "looking around"),
        ("(?<n>a)", "looking around"),
        ("\\1", "known are"),
        ("\\b", "known are"),
        ("a\\", "known are"),
        ("a{3,1}", "the lower number first"),
        ("a{999}", "counts up to 100"),
        ("a{x}", "a repetition is"),
        ("[[:alpha:]]", "write a-z"),
        ("[z-a]", "ends before it starts"),
        ("[\\D]", "inside of"),
        ("(a{100}){100}", "repeats too much"),
        ("x" * 201, "at most 200"),
        ("(" * 21 + "a" + ")" * 21, "deeper than 20"),
    ],
)
def test_what_cannot_run_is_refused_in_its_place(text: str, message: str) -> None:
    with pytest.raises(Invalid, match=message):
        pattern(text)


def test_nothing_is_found_where_there_is_no_value() -> None:
    assert matches("a", None) is None
