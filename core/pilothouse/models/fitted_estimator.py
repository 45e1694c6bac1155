"""A fitted estimator of scikit-learn's kind, as engines take it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pilothouse.models.columns import Lists
from pilothouse.models.signature import Signature


@dataclass(frozen=True)
class FittedEstimator:
    """A fitted estimator or pipeline, the method that answers, and the inputs it is given.

    `inputs` turns columns in the signature's order into what the model was fitted on; arrays of
    numbers do for lists.
    """

    model: Any
    method: str
    signature: Signature
    inputs: Callable[[Lists], Any]
