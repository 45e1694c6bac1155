"""Which columns move one answer: Shapley values, estimated by sampling. For any model.

The value of a column is the mean of what it adds to the answer when the columns of a background row
are replaced by those of the explained row one after the other, over the orders of the columns and
the background rows z:

    value(j) = mean over orders and z of  f(x on columns before j and j, z elsewhere)
                                        - f(x on columns before j, z elsewhere)

It is the sampling of Strumbelj and Kononenko, "Explaining prediction models and individual
predictions with feature contributions", Knowledge and Information Systems 41 (2014), along whole
orders as in Castro, Gomez and Tejada, Computers & Operations Research 36 (2009). Every order is
used in reverse too, which lowers the error (Mitchell, Cooper, Frank and Holmes, Journal of Machine
Learning Research 23, 2022). Every background row is used equally often, so that the values sum to
the answer less the base value: the mean answer to the background rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    Floats = npt.NDArray[np.float64]
    Orders = npt.NDArray[np.intp]

MAX_ROWS = 40_000  # that a model answers for one explanation
BACKGROUND = 50
MAX_ROUNDS = 20
SEED = 0


@dataclass(frozen=True)
class ShapleyValues:
    """The values by column; with the `base` they sum to the `answer`.

    `errors` are the standard errors of the sampled orders, given the background rows. `answered`
    counts the rows that the model answered for it.
    """

    base: float
    answer: float
    values: Mapping[str, float]
    errors: Mapping[str, float]
    answered: int


def background_rows(columns: int) -> int:
    """How many background rows a model with so many columns is explained against."""
    return max(min(BACKGROUND, MAX_ROWS // (2 * (columns + 1))), 1)


def shapley_values(
    predict: Callable[[pd.DataFrame], Floats],
    row: pd.DataFrame,
    background: pd.DataFrame,
    *,
    rounds: int = MAX_ROUNDS,
    seed: int = SEED,
    report: Callable[[float], None] = lambda _: None,
) -> ShapleyValues:
    """The values of every column of a frame with one row.

    `rounds` orders are drawn for every background row, in pairs, as far as `MAX_ROWS` allows.
    """
    import numpy as np

    names, count = list(row.columns), len(background)
    steps = len(names) + 1
    pairs = max(min(rounds, MAX_ROWS // (count * steps)) // 2, 1)
    rng = np.random.default_rng(seed)
    added = np.zeros((pairs, count, len(names)))
    answers = np.zeros((steps, count))
    for pair in range(pairs):
        orders = rng.permuted(np.tile(np.arange(len(names)), (count, 1)), axis=1)
        for half in (orders, orders[:, ::-1]):
            answers = predict(_replaced(row, background, half)).reshape(steps, count)
            gains = np.diff(answers, axis=0).T  # of each background row, in its order
            np.put_along_axis(
                added[pair], half, np.take_along_axis(added[pair], half, 1) + gains / 2, 1
            )
        report((pair + 1) / pairs)
    values, errors = added.mean(axis=(0, 1)), _errors(added)
    return ShapleyValues(
        base=float(answers[0].mean()),
        answer=float(answers[-1].mean()),
        values={name: float(values[i]) for i, name in enumerate(names)},
        errors={name: float(errors[i]) for i, name in enumerate(names)},
        answered=2 * pairs * steps * count,
    )


def _replaced(row: pd.DataFrame, background: pd.DataFrame, orders: Orders) -> pd.DataFrame:
    """The background rows with none, one, two ... all columns of the explained row."""
    import numpy as np
    import pandas as pd

    count, width = orders.shape
    pool = pd.concat([row, background], ignore_index=True)
    ranks = np.argsort(orders, axis=1)
    own = np.arange(1, count + 1)
    columns = {}
    for index, name in enumerate(row.columns):
        is_replaced = ranks[:, index] < np.arange(width + 1)[:, None]
        positions = np.where(is_replaced, 0, own).ravel()
        columns[name] = pool[name].take(positions).reset_index(drop=True)
    return pd.DataFrame(columns)


def _errors(added: Floats) -> Floats:
    """The standard error of the mean over the drawn pairs; NaN of a single one."""
    import numpy as np

    pairs, count, width = added.shape
    if pairs < 2:
        return np.full(width, np.nan)
    of_row = added.var(axis=0, ddof=1) / pairs
    return np.asarray(np.sqrt(of_row.sum(axis=0)) / count)
