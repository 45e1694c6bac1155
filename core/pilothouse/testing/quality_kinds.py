"""What every kind of quality check promises."""

from __future__ import annotations

from pilothouse.data.quality.kinds import UNITS, QualityKind
from pilothouse.data.schema import TYPES
from pilothouse.kit.errors import Invalid
from pilothouse.kit.parameters import read_params
from pilothouse.testing.parameters import check_described


def check_quality_kind(name: str, kind: QualityKind) -> None:
    """Raise AssertionError, with what is wrong, unless the kind keeps every promise."""
    check_described(name, kind)
    assert kind.unit in UNITS, f"{name}: an unknown unit"
    assert set(kind.takes) <= set(TYPES), f"{name}: it takes types that no column has"
    columns = {"column", "columns"} & {parameter.name for parameter in kind.parameters}
    assert bool(columns) == bool(kind.takes), f"{name}: it takes columns, or names none"
    _check_refusals(name, kind)


def _check_refusals(name: str, kind: QualityKind) -> None:
    """A parameter that is not there is refused by name."""
    try:
        read_params(kind.title, kind.parameters, {"no such parameter": 1})
    except Invalid:
        return
    raise AssertionError(f"{name}: it takes any parameter")
