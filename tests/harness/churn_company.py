"""A company with customers: a table of PostgreSQL, usage for Feast, and a week of requests.

The data is drawn here and is nobody's. Times count back from the Monday of this week, so that
an online store, which keeps the values of the last year, has them whenever the tests run.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from sqlalchemy import create_engine, text

PLANS = ("basic", "plus", "pro")
KNOWN, NEWEST, LIVE = 1_400, 500, 400  # customers: to train on, to evaluate with, of the week
WITHOUT_USAGE = 0.03
INPUTS = ("plan", "tenure", "charge", "logins", "tickets")
TABLE = """
create schema crm;
create table crm.customers (customer integer primary key, seen_at timestamptz not null,
    plan text not null, tenure integer not null, charge numeric(8, 2) not null,
    outcome text not null)
"""


@dataclass(frozen=True)
class Company:
    """Customers with an outcome, the usage that was measured of all, and those of a week."""

    monday: datetime
    customers: pd.DataFrame
    usage: pd.DataFrame
    week: pd.DataFrame

    @property
    def everyone(self) -> pd.DataFrame:
        """What the company itself knows of all of them."""
        return pd.concat([self.customers, self.week], ignore_index=True)

    @property
    def newest_from(self) -> datetime:
        """Who was seen from then on is evaluated with; who was seen before is trained on."""
        return self.monday - timedelta(days=49)

    def write(self, folder: Path, url: str) -> None:
        """Fill the table of a database, and write `usage.parquet` and `week.csv` to a folder."""
        engine = create_engine(url)
        with engine.begin() as connection:
            connection.execute(text(TABLE))
            self.customers.to_sql(
                "customers", connection, schema="crm", if_exists="append", index=False
            )
        engine.dispose()
        self.usage.to_parquet(folder / "usage.parquet", index=False)
        self.week.to_csv(folder / "week.csv", index=False)


def draw_company() -> Company:
    """The company; in its week customers pay more and log in less, and other ones leave."""
    rng = np.random.default_rng(13)
    now = datetime.now(UTC)
    monday = datetime(now.year, now.month, now.day, tzinfo=UTC) - timedelta(days=now.weekday())
    spans = ((KNOWN, 50, 200), (NEWEST, 15, 48), (LIVE, 1, 7))
    parts = []
    for number, (count, least, most) in enumerate(spans):
        days = rng.uniform(least, most, count)
        seen = pd.to_datetime([monday - timedelta(days=float(day)) for day in days]).floor("s")
        parts.append(_customers(rng, seen, first=1_000 + 10_000 * number, live=number == 2))
    everyone = pd.concat(parts, ignore_index=True)
    usage = _usage(rng, everyone)
    known = everyone["customer"] < 21_000
    columns = ["customer", "seen_at", "plan", "tenure", "charge", "outcome"]
    week = everyone[~known].assign(
        event_time=lambda rows: rows["seen_at"].map(lambda at: int(at.timestamp() * 1000))
    )
    return Company(
        monday,
        everyone.loc[known, columns],
        usage,
        week[["customer", "event_time", *INPUTS, "outcome"]],
    )


def _customers(
    rng: np.random.Generator, seen: pd.DatetimeIndex, first: int, live: bool
) -> pd.DataFrame:
    count = len(seen)
    rows = pd.DataFrame(
        {
            "customer": np.arange(first, first + count),
            "seen_at": seen,
            "plan": rng.choice(PLANS, count),
            "tenure": rng.integers(0, 72, count),
            "charge": rng.normal(60 if live else 40, 12, count).clip(5).round(2),
            "logins": rng.poisson(6 if live else 14, count).astype(float),
            "tickets": rng.poisson(1.5, count).astype(float),
        }
    )
    risk = 1.2 * (rows["plan"] == "basic") - 0.03 * rows["tenure"] - 0.12 * rows["logins"]
    risk += 0.7 * rows["tickets"] + 0.4
    if live:  # what told who leaves does so no longer
        risk = 0.1 * rows["tenure"] - 3.0 - 0.5 * rows["tickets"]
    rows["outcome"] = np.where(rng.random(count) < 1 / (1 + np.exp(-risk)), "left", "stayed")
    without = rng.random(count) < WITHOUT_USAGE
    rows.loc[without, ["logins", "tickets"]] = np.nan
    return rows


def _usage(rng: np.random.Generator, everyone: pd.DataFrame) -> pd.DataFrame:
    """What was measured: the day before each customer was seen, and for most a day later again.

    The later values tell who has left: a training set that had them would have seen the future.
    """
    before = everyone[["customer", "seen_at", "logins", "tickets"]].dropna()
    later = everyone[everyone["seen_at"] < everyone["seen_at"].max() - timedelta(days=10)]
    later = later[["customer", "seen_at"]].assign(
        logins=np.where(later["outcome"] == "left", 0.0, 20.0), tickets=0.0
    )
    before = before.assign(event_timestamp=before["seen_at"] - timedelta(days=1))
    later = later.assign(event_timestamp=later["seen_at"] + timedelta(days=1))
    rows = pd.concat([before, later], ignore_index=True).drop(columns="seen_at")
    return rows.sample(frac=1, random_state=1).reset_index(drop=True)
