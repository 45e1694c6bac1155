"""What every plugin says of itself: a title, a description, a unit, and honest parameters."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Protocol

from pilothouse.kit.parameters import IN_WORDS, Parameter, Value


class Described(Protocol):
    """What forms, tables and the docs are made from."""

    @property
    def title(self) -> str:
        """Its name for people."""
        ...

    @property
    def description(self) -> str:
        """What it does, in a sentence or two."""
        ...

    @property
    def parameters(self) -> Sequence[Parameter]:
        """What may be set."""
        ...


def check_described(name: str, plugin: Described) -> None:
    """Raise AssertionError, with what is wrong, unless the plugin describes itself."""
    assert re.fullmatch(r"[a-z][a-z0-9_]*", name), f"{name!r} is not a name for a plugin"
    title, description = plugin.title, plugin.description
    assert title.strip() == title != "", f"{name} needs a title"
    assert title[0].isupper(), f"{name}: {title!r} is not a title"
    assert not title.endswith("."), f"{name}: {title!r} is not a title"
    assert "\n" not in title + description, f"{name} must describe itself on one line"
    assert description.endswith("."), f"{name} needs a description: a sentence"

    names = [parameter.name for parameter in plugin.parameters]
    assert len(set(names)) == len(names), f"{name} declares a parameter twice"
    for parameter in plugin.parameters:
        check_parameter(name, parameter)


def check_unit(name: str, plugin: object) -> None:
    """The unit of a result is a short text; "" where it has none."""
    unit = getattr(plugin, "unit", None)
    assert isinstance(unit, str), f"{name} must say the unit of its result, or an empty one"
    assert unit == unit.strip(), f"{name}: the unit {unit!r} has spaces around it"


def check_parameter(name: str, parameter: Parameter) -> None:
    """Raise AssertionError unless the parameter is one that a form can offer."""
    what = f"the parameter {parameter.name} of {name}"
    assert parameter.name.isidentifier(), f"{what} is not named as an argument"
    assert parameter.type in IN_WORDS, f"{what} has the unknown type {parameter.type!r}"
    assert parameter.help.endswith("."), f"{what} needs a sentence of help"

    if not parameter.required:
        assert parameter.read(parameter.default) == parameter.default, f"{what}: its default"
    assert json.loads(json.dumps(parameter.default)) == parameter.default, f"{what}: plain"
    if parameter.type == "choice":
        assert parameter.choices, f"{what} offers nothing to choose from"
    for limit in (parameter.low, parameter.high):
        assert limit is None or parameter.type in ("integer", "number"), f"{what} has no order"
    if parameter.low is not None and parameter.high is not None:
        assert parameter.low < parameter.high, f"{what} has nothing between its limits"


def edges(parameter: Parameter) -> tuple[Value, ...]:
    """The values at the limits of a parameter, or all its choices."""
    limits = (parameter.low, parameter.high)
    ends = tuple(parameter.read(limit) for limit in limits if limit is not None)
    return parameter.choices or ends
