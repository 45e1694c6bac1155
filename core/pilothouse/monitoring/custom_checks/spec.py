"""What a custom check is: its code, the limits of its number, and how it is registered."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from pilothouse.kit.errors import Invalid
from pilothouse.kit.names import NameRule
from pilothouse.monitoring.checks import Direction

Language = Literal["sql", "python"]
CHECK = NameRule("a custom check", 60, lower=True)
MAX_CODE, MAX_DRAWS = 100_000, 1_000  # characters; draws of the reference
MAX_CHECKS = 20  # of a deployment


@dataclass(frozen=True)
class CustomCheckSpec:
    """A check as it is written: one SELECT, or Python with `check(window, reference)`.

    `code` gives a number that warns and fails beyond `warn` and `fail`, which lie in `direction`.
    With `draws`, as many sets of rows of the reference take the place of the window's, and a breach
    is also beyond what they give.
    """

    name: str
    language: Language
    code: str
    warn: float
    fail: float
    direction: Direction = "above"
    draws: int = 0

    def check(self) -> None:
        """Raise Invalid for one that cannot be registered."""
        CHECK.check(self.name)
        fields: dict[str, str] = {}
        if self.language not in get_args(Language):
            fields["language"] = f"one of {', '.join(get_args(Language))}"
        if self.direction not in get_args(Direction):
            fields["direction"] = f"one of {', '.join(get_args(Direction))}"
        if not self.code.strip():
            fields["code"] = "needed"
        elif len(self.code) > MAX_CODE or "\x00" in self.code:
            fields["code"] = f"a text of at most {MAX_CODE:,} characters"
        for name, value in (("warn", self.warn), ("fail", self.fail)):
            if not math.isfinite(value):
                fields[name] = "a number"
        beyond = self.fail - self.warn if self.direction == "above" else self.warn - self.fail
        if not fields and beyond < 0:
            fields["fail"] = "must lie beyond the limit that warns"
        if not 0 <= self.draws <= MAX_DRAWS or 0 < self.draws < 99:
            fields["draws"] = f"0, or 99 to {MAX_DRAWS:,}"
        if fields:
            raise Invalid.of_fields("this check cannot be used", fields)


@dataclass(frozen=True)
class CustomCheckInfo:
    """A registered check; `digest` names this version of its code."""

    deployment: str
    spec: CustomCheckSpec
    digest: str
    created_at: datetime
    created_by: str
