"""What stands before a stage: each gate is a pure function from Evidence to a Verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pilothouse.kit.plugins import Plugins

Outcome = Literal["passed", "failed", "inconclusive"]


@dataclass(frozen=True)
class Verdict:
    """What a gate says: the figure it looked at, the limit it held it against, and the words."""

    gate: str
    outcome: Outcome
    figure: float | None
    limit: float | None
    message: str

    @property
    def passed(self) -> bool:
        """Whether nothing stands in the way."""
        return self.outcome == "passed"

    def to_json(self) -> dict[str, Any]:
        """Plain values that `from_json` reads back."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Verdict:
        """A stored verdict; before revision 0012 its message was stored as `words`."""
        stored = dict(value)
        if "words" in stored:
            stored["message"] = stored.pop("words")
        return cls(**stored)


Gate = Callable[..., Verdict]  # of Evidence, and of parameters that are keywords with defaults
gates: Plugins[Gate] = Plugins(__name__, "gate")
