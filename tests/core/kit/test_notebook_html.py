"""Values in a notebook: facts and tables, short, and without a script that a name could hold."""

from __future__ import annotations

from datetime import UTC, datetime
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from pilothouse.kit.notebook_html import MAX_ROWS, card, small_table


def test_facts_without_a_value_are_left_out_and_numbers_can_be_read() -> None:
    at = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
    html = card("Run a", {"Rows": 12345, "Seconds": 1.23456, "At": at, "Note": "", "By": None})
    texts = [node.text for node in ElementTree.fromstring(html).iter("td")]
    assert texts == ["12,345", "1.235", "2026-03-01 12:30 UTC"]
    assert card("Empty", {}) == "<div><p><strong>Empty</strong></p></div>"


def test_a_long_table_says_how_much_is_left() -> None:
    html = f"<div>{small_table(('Key', 'Value'), [(n, n) for n in range(MAX_ROWS + 5)])}</div>"
    tree = ElementTree.fromstring(html)
    assert len(list(tree.iter("tr"))) == 1 + MAX_ROWS
    assert "and 5 more" in html
    assert small_table(("Key",), []) == ""


@given(st.text(), st.text(), st.text())
def test_no_text_becomes_markup(heading: str, name: str, value: str) -> None:
    html = card(heading, {name: value}, small_table((name,), [(value,)]))
    for tag in ("<script", "<img", "<a", "<b>"):
        assert tag not in card(f"{tag}{heading}", {f"{tag}{name}": f"{tag}{value}"})
    assert html.count("<div>") == 1
