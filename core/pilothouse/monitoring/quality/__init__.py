"""Checks of a window as a whole: its volume, freshness and schema, repeated rows, event times.

A check is a plugin: its limits, and a function from the facts of a window to a score. Checks of one
column are drift tests whose signal is data quality.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pilothouse.kit.parameters import Parameter
from pilothouse.kit.plugins import Plugins
from pilothouse.monitoring.chance import Chance
from pilothouse.monitoring.checks import CheckLimits
from pilothouse.monitoring.reference_profile import ReferenceProfile
from pilothouse.monitoring.traffic import Traffic
from pilothouse.monitoring.window_rows import WindowRows


@dataclass(frozen=True)
class WindowFacts:
    """What is known of a window: its rows beside the reference, and the deployment's traffic.

    `absent` are inputs of the reference of which no row has a value, `unexpected` logged columns
    that the signature lacks. `all_differ` says that some number is another one in each row, so that
    no two rows are equal. `traffic` is that of the whole deployment, None where it is not known.
    """

    reference: ReferenceProfile
    rows: WindowRows
    absent: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    all_differ: bool = False
    traffic: Traffic | None = None


@dataclass(frozen=True)
class WindowScore:
    """The score of a check, and a few words on what it is about.

    It breaches when it is also beyond what `chance` gives or, without that, beyond `usual`: what
    earlier windows had, by `usual_method`.
    """

    score: float
    message: str = ""
    n_reference: int = 0
    n_current: int = 0
    chance: Chance | None = None
    usual: float | None = None
    usual_method: str = ""


@dataclass(frozen=True, kw_only=True)
class QualityCheck:
    """One way to check a window as a whole.

    `label` is the title in a table's cell, `phrase` the one within a sentence. `limits` say where a
    score warns and fails; monitors may change them. `weigh` gives None where the check does not
    apply, and raises `drift.NotEvaluated` where it cannot be judged.
    """

    title: str
    label: str
    phrase: str
    description: str
    unit: str
    limits: CheckLimits
    weigh: Callable[[WindowFacts], WindowScore | None]

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The limits, which a monitor may change."""
        side = "larger" if self.limits.direction == "above" else "smaller"
        return (
            Parameter("warn", "number", self.limits.warn, low=0.0, unit=self.unit,
                      help=f"A {side} score warns."),
            Parameter("fail", "number", self.limits.fail, low=0.0, unit=self.unit,
                      help=f"A {side} score fails."),
        )  # fmt: skip


quality_checks: Plugins[QualityCheck] = Plugins(__name__, "data quality check")


def names_text(names: tuple[str, ...], most: int = 5) -> str:
    """Column names for a message: the first ones, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
