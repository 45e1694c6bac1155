"""The rows of a window, as they are judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pilothouse.monitoring.distances import Floats
from pilothouse.monitoring.performance import Outputs

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class WindowRows:
    """The rows of a window: features and outputs by name, and labels as the task has them.

    A row of `truth` is NaN where no label has come; `at` are event times in milliseconds.
    """

    features: pd.DataFrame
    outputs: Outputs
    truth: Floats
    at: npt.NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.truth)
