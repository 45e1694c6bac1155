"""Kinds of alert rules: when one result of a window breaches, and how that is written."""

from __future__ import annotations

from typing import Protocol

from pilothouse.kit.parameters import Parameter
from pilothouse.kit.plugins import Plugins


class RuleKind(Protocol):
    """Compares a result with a rule's threshold. Forms, sentences and the docs are made from it.

    A rule stores the kind's name, its `threshold` and a softer `clear_threshold`.
    """

    @property
    def title(self) -> str:
        """Its name for people: "Below the reference"."""
        ...

    @property
    def phrase(self) -> str:
        """What stands between a check and the threshold: "is below"."""
        ...

    @property
    def description(self) -> str:
        """When it breaches, in a sentence or two."""
        ...

    @property
    def unit(self) -> str:
        """The unit of the threshold; "" when it is that of the check."""
        ...

    @property
    def in_tolerances(self) -> bool:
        """Whether scores, references and limits are counted in tolerances of the check.

        Then 0 is the reference's value and 1 is where the check itself fails, whichever way is
        bad. Else they are values of the check.
        """
        ...

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The threshold: one number named `threshold`, with its limits and help."""
        ...

    def excess(self, score: float, reference: float | None, threshold: float) -> float | None:
        """How far the score lies beyond the threshold: above 0 it breaches, else it is clear.

        `reference` is the same check of the reference rows. None when it is needed and missing.
        A threshold that is easier to breach gives a larger excess.
        """
        ...

    def limit(self, reference: float | None, threshold: float) -> float | None:
        """The score at which it breaches, for charts and lists; None when that is not known."""
        ...

    def describe(self, score: float, reference: float | None, threshold: float) -> str:
        """A breach as the end of a sentence: "below 0.5"."""
        ...


rule_kinds: Plugins[RuleKind] = Plugins(__name__, "alert rule kind")
