"""Engines: how the answers of a fitted scikit-learn model are computed. One file an engine.

The library itself is the truth. An engine computes the same answers with less work around it, and
serves only when a comparison on many rows found no difference that matters (`engine_choice`).
Everything here runs in the model process; libraries are imported by what uses them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from pilothouse.kit.plugins import Plugins
from pilothouse.models.columns import Columns
from pilothouse.models.fitted_estimator import FittedEstimator

LIBRARY = "library"
Compute = Callable[[Columns], Any]


class AnswerEngine(Protocol):
    """One way to compute a model's answers.

    Engines are tried in their `order`. `tolerance` is how far a number of its answers may be from
    the library's; labels must be the same. `is_steady` says that its time depends on the number of
    rows and on nothing in them.
    """

    title: str
    description: str
    order: int
    tolerance: float
    is_steady: bool

    @staticmethod
    def build(fitted: FittedEstimator) -> Compute | None:
        """What computes the answers as the model's method returns them; None when it cannot.

        Whatever building raises means that it cannot, too.
        """
        ...


engines: Plugins[AnswerEngine] = Plugins(__name__, "engine")


def in_order() -> list[tuple[str, AnswerEngine]]:
    """All engines by name, in the order in which they are tried."""
    return sorted(engines.items(), key=lambda item: item[1].order)
