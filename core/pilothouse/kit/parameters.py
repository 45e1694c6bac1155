"""Parameters of plugins: one description from which forms, docs, checks and the CLI are made."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pilothouse.kit.errors import Invalid

Value = bool | int | float | str
ParameterType = Literal["integer", "number", "text", "choice", "boolean", "list", "object"]
IN_WORDS: Mapping[ParameterType, str] = {
    "integer": "a whole number",
    "number": "a number",
    "text": "a text",
    "choice": "one of its choices",
    "boolean": "true or false",
    "list": "a list",
    "object": "an object",
}


@dataclass(frozen=True)
class Parameter:
    """One parameter of a plugin: its type, default and limits, and how it is shown.

    `low` and `high` are inclusive. A parameter without a default that is not `required` is
    optional: None means that the plugin decides. `title` is the label of its form field; without
    one it is made from the name. `help` is a sentence.
    """

    name: str
    type: ParameterType
    default: Any = None
    low: float | None = None
    high: float | None = None
    choices: tuple[Value, ...] = ()
    unit: str = ""
    help: str = ""
    title: str = ""
    required: bool = False

    @property
    def label(self) -> str:
        """What people read for the name: the title, or the name in words."""
        readable = self.name.replace("_", " ").strip()
        return self.title or readable[:1].upper() + readable[1:]

    def read(self, value: object) -> Any:
        """The value in this parameter's own type. Raises Invalid when it is none of its values."""
        if value is None and not self.required and self.default is None:
            return None
        match self.type:
            case "integer" | "number":
                return self._number(value)
            case "choice":
                if value not in self.choices:
                    raise self._invalid(f"one of {', '.join(map(str, self.choices))}")
                return self.choices[self.choices.index(value)]
            case "text":
                return self._instance(value, str)
            case "boolean":
                return self._instance(value, bool)
            case "list":
                return self._instance(list(value) if isinstance(value, tuple) else value, list)
            case "object":
                return self._instance(dict(value) if isinstance(value, Mapping) else value, dict)

    def _number(self, value: object) -> int | float:
        number = _as_number(value)
        if number is None or (self.type == "integer" and not number.is_integer()):
            raise self._invalid(IN_WORDS[self.type])

        low = -math.inf if self.low is None else self.low
        high = math.inf if self.high is None else self.high
        if not math.isfinite(number) or not low <= number <= high:
            raise self._invalid(self.limits or IN_WORDS[self.type])
        return int(number) if self.type == "integer" else number

    def _instance(self, value: object, expected: Any) -> Any:
        if not isinstance(value, expected) or (self.required and value == ""):
            raise self._invalid(IN_WORDS[self.type])
        return value

    @property
    def limits(self) -> str:
        """The limits of a number in words, or nothing."""
        if self.low is not None and self.high is not None:
            return f"between {self.low:g} and {self.high:g}"
        if self.low is not None:
            return f"at least {self.low:g}"
        return "" if self.high is None else f"at most {self.high:g}"

    def _invalid(self, requirement: str) -> Invalid:
        field = f"params.{self.name}"
        return Invalid(f"{self.name} must be {requirement}.", fields={field: requirement})


class Params(dict[str, Any]):
    """Checked parameters by name, as `read_params` makes them; the accessors give their types."""

    def number(self, name: str) -> float:
        """A parameter of type number or integer."""
        return float(self[name])

    def integer(self, name: str) -> int:
        """A parameter of type integer."""
        return int(self[name])

    def text(self, name: str) -> str:
        """A parameter of type text or choice."""
        return str(self[name])


def read_params(
    owner: str, parameters: Sequence[Parameter], values: Mapping[str, object]
) -> Params:
    """Every parameter: the values that are given, checked, and the defaults of the others.

    `owner` names the plugin in messages. Raises Invalid for a value outside of the limits, for a
    name that is not declared, and for a required parameter that is missing.
    """
    by_name = {parameter.name: parameter for parameter in parameters}
    if unknown := sorted(set(values) - set(by_name)):
        raise Invalid(
            f"{owner} has no parameter {', '.join(map(repr, unknown))}.",
            hint=f"It has {', '.join(by_name) or 'no parameters'}.",
            fields={f"params.{name}": "unknown" for name in unknown},
        )

    missing = [p.name for p in parameters if p.required and p.name not in values]
    if missing:
        raise Invalid(
            f"{owner} needs {', '.join(missing)}.",
            fields={f"params.{name}": "needed" for name in missing},
        )

    return Params({name: p.read(values.get(name, p.default)) for name, p in by_name.items()})


def _as_number(value: object) -> float | None:
    """A number, also from its text; a truth value is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except ValueError:
        return None
