"""The signature check: what fits comes through typed, what does not is named in words."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.deployments.gateway.columns import Columns, OneRow, check_columns
from pilothouse.kit.errors import Invalid
from pilothouse.models.signature import Signature, SignatureField

SIGNATURE = Signature(
    inputs=(
        SignatureField("distance", "number"),
        SignatureField("stops", "integer"),
        SignatureField("carrier", "string"),
        SignatureField("direct", "boolean"),
        SignatureField("at", "time"),
        SignatureField("wind", "number", required=False),
    ),
    target="late",
    classes=(0, 1),
    positive=1,
)
GOOD: dict[str, list[Any]] = {
    "distance": [1, 2.5],
    "stops": [0, 2.0],
    "carrier": ["AA", "B6"],
    "direct": [True, 0],
    "at": [1_700_000_000_000, "2013-03-01T10:00:00Z"],
}


def test_good_columns_come_in_order_and_typed() -> None:
    columns = check_columns(SIGNATURE, dict(reversed(GOOD.items())), 2)
    assert list(columns) == list(SIGNATURE.names)
    assert columns["distance"] == [1.0, 2.5]
    assert columns["stops"] == [0, 2]
    assert type(columns["stops"][1]) is int
    assert columns["direct"] == [True, False]
    assert columns["at"] == [1_700_000_000_000, 1_362_132_000_000]
    assert columns["wind"] == [None, None]


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("distance", [1, None], "row 1 is missing"),
        ("distance", [1, "far"], "row 1 is 'far', and a number is needed"),
        ("distance", [True, 1], "row 0 is True"),
        ("distance", [math.inf, 1], "row 0 is not a finite number"),
        ("distance", [1], "has 1 values, the request has 2 rows"),
        ("stops", [1, 1.5], "row 1 is 1.5, and a whole number is needed"),
        ("stops", [1, 2**63], "row 1 does not fit"),
        ("carrier", ["AA", 3], "row 1 is 3, and a text is needed"),
        ("direct", [True, "yes"], "row 1 is 'yes', and true or false is needed"),
        ("at", [1, "yesterday"], "not an ISO 8601 time"),
    ],
)
def test_what_does_not_fit_is_named(column: str, values: list[Any], message: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_columns(SIGNATURE, GOOD | {column: values}, 2)
    assert message in refused.value.fields[column]
    assert message in refused.value.message


def test_a_nullable_column_is_sent_and_may_lack_values() -> None:
    field = SignatureField("distance", "number", nullable=True)
    signature = Signature((field,), "late", (0, 1), 1)
    assert check_columns(signature, {"distance": [1, None]}, 2) == {"distance": [1.0, None]}
    with pytest.raises(Invalid, match="missing columns: distance"):
        check_columns(signature, {}, 1)
    assert Signature.from_json(signature.to_json()).inputs == (field,)
    before = SignatureField("distance", "number")
    assert "nullable" not in Signature((before,)).to_json()["inputs"][0]
    assert not before.takes_missing
    assert SignatureField("distance", "number", required=False).takes_missing


def test_unknown_and_absent_columns_are_both_named() -> None:
    columns = {name: values for name, values in GOOD.items() if name != "carrier"}
    with pytest.raises(Invalid) as refused:
        check_columns(SIGNATURE, columns | {"carier": ["AA", "B6"]}, 2)
    assert "missing columns: carrier" in refused.value.message
    assert "carier (did you mean carrier?)" in refused.value.message


@given(st.lists(st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False))))
def test_nullable_numbers_pass_unchanged(values: list[float | None]) -> None:
    rows = len(values)
    fill = {name: [part[0]] * rows for name, part in GOOD.items()}
    assert check_columns(SIGNATURE, fill | {"wind": values}, rows)["wind"] == values


NUMBERS = Signature(
    inputs=tuple(SignatureField(name, "number") for name in ("a", "b", "c")),
    target="late",
    classes=(0, 1),
    positive=1,
)
ANYTHING = st.one_of(
    st.floats(), st.integers(), st.integers(10**300, 10**310), st.none(), st.booleans(), st.text()
)


@given(st.lists(ANYTHING, min_size=3, max_size=3))
def test_one_row_is_checked_as_columns_of_one_value_are(row: list[Any]) -> None:
    def outcome(columns: Columns) -> Any:
        try:
            checked = check_columns(NUMBERS, columns, 1)
        except Invalid as refused:
            return refused.message
        assert {type(value) for [value] in checked.values()} == {float}
        return dict(checked)

    columns = {name: [value] for name, value in zip(NUMBERS.names, row, strict=True)}
    assert outcome(OneRow(NUMBERS.names, row)) == outcome(columns)
