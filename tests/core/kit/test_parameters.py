"""Parameters of plugins: read from forms and stored JSON, refused with the name of the field."""

from __future__ import annotations

from typing import Any

import pytest

from pilothouse.kit.errors import Invalid
from pilothouse.kit.parameters import Parameter, read_params

DEPTH = Parameter("max_depth", "integer", 3, 1, 9, unit="levels", help="Levels of a tree.")


@pytest.mark.parametrize(
    ("parameter", "value", "expected"),
    [
        (DEPTH, "4", 4),
        (DEPTH, 4.0, 4),
        (Parameter("rate", "number", 0.1), 1, 1.0),
        (Parameter("mode", "choice", "a", choices=("a", "b")), "b", "b"),
        (Parameter("metric", "text", ""), "auc", "auc"),
        (Parameter("strict", "boolean", False), True, True),
        (Parameter("weeks", "integer"), None, None),
        (Parameter("names", "list"), ("a", "b"), ["a", "b"]),
        (Parameter("spec", "object", required=True), {"a": 1}, {"a": 1}),
    ],
)
def test_a_value_is_read_in_the_type_of_its_parameter(
    parameter: Parameter, value: Any, expected: Any
) -> None:
    result = parameter.read(value)
    assert (result, type(result)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("parameter", "value", "message"),
    [
        (DEPTH, 10, "max_depth must be between 1 and 9"),
        (DEPTH, 2.5, "a whole number"),
        (DEPTH, True, "a whole number"),
        (DEPTH, None, "a whole number"),
        (Parameter("rate", "number", 0.1, low=0), -1, "at least 0"),
        (Parameter("rate", "number", 0.1, high=1), 2, "at most 1"),
        (Parameter("rate", "number", 0.1), float("inf"), "a number"),
        (Parameter("mode", "choice", "a", choices=("a", "b")), "c", "one of a, b"),
        (Parameter("metric", "text", "auc"), 3, "a text"),
        (Parameter("name", "text", required=True), "", "a text"),
        (Parameter("strict", "boolean", False), 1, "true or false"),
        (Parameter("spec", "object", required=True), [1], "an object"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_its_field(
    parameter: Parameter, value: Any, message: str
) -> None:
    with pytest.raises(Invalid, match=message) as refusal:
        parameter.read(value)
    assert list(refusal.value.fields) == [f"params.{parameter.name}"]


def test_defaults_fill_what_is_not_given() -> None:
    params = read_params("the gate x", (DEPTH, Parameter("metric", "text", "auc")), {})
    assert params == {"max_depth": 3, "metric": "auc"}
    assert (params.integer("max_depth"), params.number("max_depth")) == (3, 3.0)
    assert params.text("metric") == "auc"


def test_unknown_and_missing_names_are_refused() -> None:
    needed = Parameter("spec", "object", required=True)
    with pytest.raises(Invalid, match="the gate x has no parameter 'luck'") as unknown:
        read_params("the gate x", (DEPTH,), {"luck": 1})
    assert unknown.value.hint == "It has max_depth."
    with pytest.raises(Invalid, match="the job x needs spec"):
        read_params("the job x", (needed,), {})


def test_a_label_is_the_title_or_the_name_in_words() -> None:
    assert DEPTH.label == "Max depth"
    assert Parameter("n_estimators", "integer", title="Trees").label == "Trees"
