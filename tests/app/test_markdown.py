"""Names literally, and Markdown of people without what harms a page."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse_app.components.markdown import JOINER, MAX_NAME, Literal, literal, safe_markdown


def as_read(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text).replace(JOINER, "")


@given(st.text(max_size=200))
def test_a_literal_reads_as_what_was_written(text: str) -> None:
    turned = re.sub("[\u202a-\u202e\u2066-\u2069\u2060]", "", text)
    expected = " ".join(re.split(r"[\s\x00-\x1f\x7f-\x9f]+", turned)).strip()
    assert as_read(literal(text)).strip() == expected


def test_escaped_text_is_not_escaped_again() -> None:
    once = literal("a_b")
    assert literal(once) == once == r"a\_b"
    assert isinstance(literal("a"), Literal)


@pytest.mark.parametrize(
    "name", [":material/home: x", "a -> b", "a <- b", "a -- b", "- a", "1. a", "---", ":streamlit:"]
)
def test_what_is_replaced_whatever_escapes_it_is_kept_apart(name: str) -> None:
    assert JOINER in literal(name)
    assert as_read(literal(name)) == name


@pytest.mark.parametrize("figure", ["0.7500", "-0.5", "1,234", "12 %", "2026-03-01", "3 min 5 s"])
def test_a_figure_stays_as_it_is(figure: str) -> None:
    assert literal(figure) == figure


def test_a_long_name_is_cut() -> None:
    assert len(literal("a" * 100_000)) == MAX_NAME


def test_a_note_keeps_its_markdown_without_pictures_formulas_and_shortcodes() -> None:
    text = (
        "# A\n\n**b** [c](http://d) ![e](http://f/x.png) $x^2$ :red[g] 12:30\n\n```\n![h]($)\n```"
    )
    safe = safe_markdown(text)
    assert safe is not None
    assert "**b** [c](http://d)" in safe
    assert "![e]" not in safe
    assert "\\$x^2\\$" in safe
    assert ":red[" not in safe.replace("\\:", "")
    assert "![h]($)" in safe, "code stays as it is"


BOMBS = {
    "brackets": "[" * 50_000,
    "emphasis": "*a_ " * 20_000,
    "quotes": ">" * 5_000 + " a",
    "lists": "- " * 5_000 + "a",
    "one word": "a" * 90_000,
    "links": "[a](" * 10_000,
    "code": "`a" * 20_000,
    "nested": "\n".join("  " * n + "- a" for n in range(2_000)),
    "lines": "a\n\n" * 50_000,
    "marks over lines": "*a\n" * 3_000,
    "lists in quotes": "> - > - > - > - a\n\n" * 700,
    "headings": "# a\n" * 1_400,
    "underlined headings": "a\n===\n" * 700 + "b\n---\n" * 48,
}


@pytest.mark.parametrize("name", list(BOMBS))
def test_what_could_hold_up_a_tab_is_plain_text(name: str) -> None:
    assert safe_markdown(BOMBS[name]) is None


def test_a_long_file_of_many_sections_is_still_markdown() -> None:
    section = "## A title\n\nText with [a link](http://d) and `code`.\n\n- one\n- two\n\n"
    assert safe_markdown(section * 180 + "```python\nx = 1\n```\n") is not None
