"""Groups of rows by one column: its most frequent values, or quarters of a number. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pilothouse.models.signature import SignatureField
from pilothouse.monitoring.binning import format_number
from pilothouse.monitoring.column_values import category_name

if TYPE_CHECKING:
    import pandas as pd

    Codes = npt.NDArray[np.int64]

MAX_GROUPS = 10  # of a column's values, the most frequent in the reference
OTHER, MISSING = "(other)", "(missing)"
QUARTILES = (0.25, 0.5, 0.75)
NUMBERS, CATEGORIES = ("number", "integer"), ("string", "boolean")


@dataclass(frozen=True)
class RowGroups:
    """The groups of a column: names, the most populous first; numbers are cut at `edges`.

    The last name is that of rows without a value; the one before, of categories, of all others.
    `masked_names` are the names under which people see them, where these are others.
    """

    column: str
    names: tuple[str, ...]
    edges: tuple[float, ...] | None = None
    masked_names: tuple[str, ...] = ()

    def title(self, index: int) -> str:
        """A group as the column of a result: "region = north"."""
        return f"{self.column} = {(self.masked_names or self.names)[index]}"

    def codes(self, values: pd.Series[Any]) -> Codes:
        """The group of each row by its position among `names`.

        Raises TypeError for values that are no categories, such as lists.
        """
        import pandas as pd

        last = len(self.names) - 1
        if self.edges is not None:
            numbers = pd.to_numeric(values, errors="coerce")
            floats = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
            bins = np.searchsorted(np.asarray(self.edges), floats, side="right")
            return np.where(np.isfinite(floats), bins, last).astype(np.int64)
        # PERF: each distinct value is written as text once, not each row.
        codes, distinct = pd.factorize(values)
        positions = {name: index for index, name in enumerate(self.names[:-2])}
        groups = [positions.get(category_name(value), last - 1) for value in distinct]
        return np.asarray([*groups, last], dtype=np.int64)[codes]


def can_group(field: SignatureField) -> bool:
    """Whether rows can be grouped by an input: a number, a category or a flag, not a time."""
    return field.type in (*NUMBERS, *CATEGORIES)


def row_groups(values: pd.Series[Any], field: SignatureField) -> RowGroups | None:
    """How the reference's values of an input are grouped; None without any value.

    Raises TypeError for values that are no categories, such as lists.
    """
    import pandas as pd

    if field.type in NUMBERS:
        numbers = pd.to_numeric(values, errors="coerce").to_numpy(np.float64, na_value=np.nan)
        finite = numbers[np.isfinite(numbers)]
        distinct = np.unique(finite)
        if not len(distinct):
            return None
        if len(distinct) > MAX_GROUPS:
            return _quarters(field.name, finite)
    counts = values.dropna().value_counts()
    names = list(dict.fromkeys(category_name(value) for value in counts.index))[:MAX_GROUPS]
    own = [name for name in names if name not in (OTHER, MISSING)]
    return RowGroups(field.name, (*own, OTHER, MISSING)) if own else None


def _quarters(name: str, numbers: npt.NDArray[np.float64]) -> RowGroups:
    edges = np.unique(np.quantile(numbers, QUARTILES))
    limits = [format_number(edge) for edge in edges]
    between = [f"{low} to {high}" for low, high in pairwise(limits)]
    names = (f"below {limits[0]}", *between, f"from {limits[-1]}", MISSING)
    return RowGroups(name, names, tuple(edges.tolist()))
