"""Answers as arrays, and the rows that are stored with them.

The names of the stored file are read in every process. The functions run in child processes:
numpy and pandas are imported inside of them.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pilothouse.models.signature import Signature
from pilothouse.models.tasks import task_of

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    Outputs = dict[str, npt.NDArray[Any]]
    Positions = npt.NDArray[np.int64]

SIGNATURE_PATH = "model/signature.json"
REFERENCE_PATH = "reference.parquet"
HELD_OUT_TAG = "training.held_out"  # a digest of the dataset version and the rows held out
# Columns of the reference file: about a row, and the prefix of its answers.
TARGET, ROW, GROUP, AT, OUTPUT_PREFIX = "__target", "__row", "__group", "__at", "__"
REFERENCE_ROWS = 50_000  # of more, as many are drawn at random
REFERENCE_SEED = 0


def answer_arrays(signature: Signature, columns: Mapping[str, Sequence[Any]]) -> Outputs:
    """Output columns as arrays: numbers as float64 with NaN for none, anything else as objects."""
    import numpy as np

    logged = task_of(signature).columns(signature)
    categories = {column.name for column in logged if column.kind == "category"}

    def as_array(values: Sequence[Any], category: bool) -> npt.NDArray[Any]:
        if not category and not any(isinstance(value, str) for value in values):
            return np.asarray(values, dtype=np.float64)
        array = np.empty(len(values), dtype=object)
        array[:] = list(values)
        return array

    return {name: as_array(values, name in categories) for name, values in columns.items()}


def reference_file(
    signature: Signature,
    rows: pd.DataFrame,
    columns: Mapping[str, npt.NDArray[Any]],
    truth: npt.NDArray[Any] | None,
    positions: Positions,
    groups: Positions | None = None,
    at: Positions | None = None,
) -> bytes:
    """Rows with labels and answers as Parquet: what later windows and other runs are compared with.

    `rows` are the inputs, `columns` the answers, `truth` the labels as numbers (None when there are
    none) and `positions` the rows' positions in the dataset version, by which a comparison
    finds them in other runs. `groups` number the rows that belong together, which a comparison
    does not take for independent, and `at` are event times in milliseconds: rows of one day are not
    independent either. Their columns are `__<output>`, `__target`, `__row`, `__group` and `__at`.
    """
    task = task_of(signature)
    logged = [column.name for column in task.columns(signature)]
    own: dict[str, Any] = {} if truth is None else {TARGET: _labels(signature, truth)}
    if groups is not None:
        own[GROUP] = groups
    if at is not None:
        own[AT] = at
    frame = rows.reset_index(drop=True).assign(
        **own,
        **{ROW: positions.astype("int64")},
        **{f"{OUTPUT_PREFIX}{name}": columns[name] for name in logged},
    )
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False, compression="zstd")
    return buffer.getvalue()


def _labels(signature: Signature, truth: npt.NDArray[Any]) -> Any:
    """Positions of classes as small integers, numbers as they are, several labels as one text."""
    import numpy as np

    if truth.ndim == 1:
        return truth.astype(np.int16) if task_of(signature).has_classes else truth
    names = signature.output_names
    return [";".join(name for name, y in zip(names, row, strict=True) if y == 1) for row in truth]
