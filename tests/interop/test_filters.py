"""A filter's text becomes a tree, or is refused with the words that cannot be read."""

from __future__ import annotations

import pytest

from pilothouse.interop.mlflow.errors import ProtocolError
from pilothouse.interop.mlflow.filters import Both, Comparison, Either, Not, parse


def test_a_filter_becomes_a_tree() -> None:
    a = Comparison("metrics", "a b", ">", 1.0, "1")
    b = Comparison("attribute", "status", "IN", ("x", "y"), "('x', 'y')")
    assert parse("metrics.`a b` > 1") == a
    assert parse("metrics.`a b` > 1 AND NOT (status IN ('x','y') OR metrics.`a b` > 1)") == (
        Both((a, Not(Either((b, a)))))
    )
    assert parse("") is None
    with pytest.raises(ProtocolError, match=r"Invalid clause\(s\)"):
        parse("a = 'b' c = 'd'")
