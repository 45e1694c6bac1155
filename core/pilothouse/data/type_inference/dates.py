"""Dates and times as people write them, read as instants; a bare one is UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pilothouse.data.reading_options import DateOrder

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

ZONE = r"Z|z|UTC|GMT|[-+]\d\d:?\d\d|[-+]\d\d"
CLOCK = (
    r"(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9}))?)?"
    rf"\s*(?P<half>[AaPp]\.?[Mm]\.?)?\s*(?P<zone>{ZONE})?"
)
TAIL = rf"(?:(?:T|t|,?\s+){CLOCK})?$"
YEAR_FIRST = rf"^(?P<y>\d{{4}})(?P<sep>[-/.])(?P<m>\d{{1,2}})[-/.](?P<d>\d{{1,2}}){TAIL}"
YEAR_LAST = rf"^(?P<a>\d{{1,2}})(?P<sep>[-/.])(?P<b>\d{{1,2}})[-/.](?P<y>\d{{4}}|\d{{2}})\.?{TAIL}"
DAY_NAME = r"(?:\pL{2,10}\.?,?\s+)?"
NAMED_DAY_FIRST = (
    rf"^{DAY_NAME}(?P<d>\d{{1,2}})(?:st|nd|rd|th)?[\s.-]+(?P<name>\pL{{3,10}})\.?,?[\s-]+"
    rf"(?P<y>\d{{4}}){TAIL}"
)
NAMED_MONTH_FIRST = (
    rf"^{DAY_NAME}(?P<name>\pL{{3,10}})\.?\s+(?P<d>\d{{1,2}})(?:st|nd|rd|th)?,?\s+"
    rf"(?P<y>\d{{4}}){TAIL}"
)
MONTHS: Mapping[str, int] = {
    name: month
    for month, names in enumerate(
        (
            "jan january januar janv janvier ene enero gennaio gen januari janeiro",
            "feb february februar fév février fevrier febrero febbraio februari fev fevereiro",
            "mar march märz mär mrz mars marzo maart março marco",
            "apr april avr avril abr abril aprile",
            "may mai mayo maggio mag mei maio",
            "jun june juni juin junio giugno giu junho",
            "jul july juli juil juillet julio luglio lug julho",
            "aug august août aout ago agosto augustus",
            "sep sept september septembre septiembre settembre set setembro",
            "oct october okt oktober octobre octubre ottobre ott out outubro",
            "nov november novembre noviembre novembro",
            "dec december dez dezember déc décembre decembre dic diciembre dicembre dezembro",
        ),
        start=1,
    )
    for name in names.split()
}
PIVOT = 69  # a year of two digits from here on is of the last century, as in POSIX
DAY_US, HOUR_US, MINUTE_US, SECOND_US = 86_400_000_000, 3_600_000_000, 60_000_000, 1_000_000
ORDER_NAMES: Mapping[DateOrder, str] = {
    "day-first": "dd{0}mm{0}yyyy",
    "month-first": "mm{0}dd{0}yyyy",
}


@dataclass(frozen=True)
class TimeTexts:
    """The parts of texts that may be times, as arrays of whole numbers by row.

    `day_first` and `month_first` are the days since 1970 as either order reads them; rows whose
    year comes first or whose month has a name have the same in both. Where a row is no time under
    an order its mask `fits_*` is false.
    """

    present: Mask
    numeric: Mask
    day_first: Ints
    month_first: Ints
    fits_day_first: Mask
    fits_month_first: Mask
    clock_us: Ints
    has_clock: Mask
    zoned: Mask
    offset_us: Ints
    separator: str
    short_years: int
    named: int

    def fitting_orders(self) -> list[DateOrder]:
        """The orders under which every text is a time."""
        orders: list[DateOrder] = []
        if bool((self.fits_day_first | ~self.present).all()):
            orders.append("day-first")
        if bool((self.fits_month_first | ~self.present).all()):
            orders.append("month-first")
        return orders

    @property
    def same_in_both(self) -> bool:
        """Whether both orders read the same instants."""
        return bool((self.day_first == self.month_first)[self.present].all())

    def form(self, order: DateOrder) -> str:
        """How the column writes its times."""
        if self.numeric.any():
            date = ORDER_NAMES[order].format(self.separator)
        else:
            date = (
                "dates with the month's name"
                if self.named
                else f"yyyy{self.separator}mm{self.separator}dd"
            )
        return f"{date} with the time of day" if self.has_clock.any() else date

    def instants(self, order: DateOrder) -> pa.ChunkedArray:
        """The times as instants; what is missing or no time is missing."""
        days = self.day_first if order == "day-first" else self.month_first
        fits = self.fits_day_first if order == "day-first" else self.fits_month_first
        values = days * DAY_US + self.clock_us - self.offset_us
        array = pa.array(values, pa.int64(), mask=~fits).cast(pa.timestamp("us", tz="UTC"))
        return pa.chunked_array([array])

    def is_sorted(self, order: DateOrder) -> bool:
        """Whether the times never go back under an order."""
        days = self.day_first if order == "day-first" else self.month_first
        values = (days * DAY_US + self.clock_us - self.offset_us)[self.present]
        return bool((np.diff(values) >= 0).all())


def parse_times(texts: pa.ChunkedArray) -> TimeTexts:
    """The parts of texts that may be times."""
    texts = texts.combine_chunks()
    size = len(texts)
    present = texts.is_valid().to_numpy(zero_copy_only=False)

    day_first, month_first = np.zeros(size, np.int64), np.zeros(size, np.int64)
    fits_day, fits_month = np.zeros(size, np.bool_), np.zeros(size, np.bool_)
    clock, offset = np.zeros(size, np.int64), np.zeros(size, np.int64)
    has_clock, zoned = np.zeros(size, np.bool_), np.zeros(size, np.bool_)
    numeric = np.zeros(size, np.bool_)
    separator, short, named = "", 0, 0

    for pattern in (YEAR_FIRST, YEAR_LAST, NAMED_DAY_FIRST, NAMED_MONTH_FIRST):
        parts = pc.extract_regex(texts, pattern)
        at = parts.is_valid().to_numpy(zero_copy_only=False) & ~(fits_day | fits_month)
        if not at.any():
            continue

        rows = parts.filter(pa.array(at))
        year = _ints(rows, "y")
        two_digits = year_lengths(rows) == 2
        year = np.where(two_digits, year + np.where(year >= PIVOT, 1900, 2000), year)
        short += int(two_digits.sum())
        time_us, time_fits, with_clock = _clock(rows)

        if pattern == YEAR_LAST:
            a, b = _ints(rows, "a"), _ints(rows, "b")
            first = _days(year, b, a)
            second = _days(year, a, b)
            numeric |= at
            separator = _text(rows, "sep") or separator
        else:
            if pattern == YEAR_FIRST:
                month = _ints(rows, "m")
                separator = separator or _text(rows, "sep")
            else:
                month = _months(rows)
                named += int(at.sum())
            first = second = _days(year, month, _ints(rows, "d"))

        day_first[at], month_first[at] = first[0], second[0]
        fits_day[at] = first[1] & time_fits
        fits_month[at] = second[1] & time_fits
        clock[at], has_clock[at] = time_us, with_clock
        zoned[at], offset[at] = _zones(rows)

    return TimeTexts(
        present, numeric, day_first, month_first, fits_day, fits_month,
        clock, has_clock, zoned, offset, separator, short, named,
    )  # fmt: skip


def year_lengths(rows: pa.StructArray) -> Ints:
    """How many digits each year has."""
    lengths = pc.utf8_length(rows.field("y")).to_numpy(zero_copy_only=False)
    return np.asarray(lengths, dtype=np.int64)


def _text(rows: pa.StructArray, name: str) -> str:
    """The first value of a part."""
    return str(rows.field(name)[0].as_py() or "")


def _ints(rows: pa.StructArray, name: str) -> Ints:
    """A part as whole numbers; what is not there is zero."""
    texts = rows.field(name)
    filled = pc.if_else(pc.equal(texts, ""), pa.scalar("0"), texts).fill_null("0")
    return np.asarray(filled.cast(pa.int64()).to_numpy(zero_copy_only=False), dtype=np.int64)


def _months(rows: pa.StructArray) -> Ints:
    names = pc.utf8_lower(rows.field("name"))
    month_names = pa.array(list(MONTHS))
    at = pc.index_in(names, month_names).fill_null(-1).to_numpy(zero_copy_only=False)
    numbers = np.array([*MONTHS.values(), 0], dtype=np.int64)
    return np.asarray(numbers[at], dtype=np.int64)


def _days(year: Ints, month: Ints, day: Ints) -> tuple[Ints, Mask]:
    """Days since 1970, and which dates are on the calendar."""
    fits = (month >= 1) & (month <= 12) & (day >= 1) & (year >= 1)
    months = np.where(fits, (year - 1970) * 12 + month - 1, 0)
    first = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    following = (months + 1).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    fits &= day <= following - first
    return np.where(fits, first + day - 1, 0), fits


def _clock(rows: pa.StructArray) -> tuple[Ints, Mask, Mask]:
    """Microseconds since midnight, which times of day there are, and which rows have one."""
    hour, minute, second = (_ints(rows, name) for name in ("hour", "minute", "second"))
    fraction = rows.field("fraction")
    padded = pc.utf8_slice_codeunits(pc.utf8_rpad(fraction, 6, "0"), 0, 6).fill_null("0")

    micro = pc.if_else(pc.equal(padded, ""), pa.scalar("0"), padded).cast(pa.int64())
    half = pc.utf8_slice_codeunits(pc.utf8_lower(rows.field("half")), 0, 1).fill_null("")
    am = pc.equal(half, "a").to_numpy(zero_copy_only=False)
    pm = pc.equal(half, "p").to_numpy(zero_copy_only=False)

    fits = (hour <= 23) & (minute <= 59) & (second <= 59)
    fits &= ~(am | pm) | ((hour >= 1) & (hour <= 12))

    hour = np.where(am & (hour == 12), 0, np.where(pm & (hour < 12), hour + 12, hour))
    clock = hour * HOUR_US + minute * MINUTE_US + second * SECOND_US
    clock = clock + micro.to_numpy(zero_copy_only=False)
    with_clock = pc.greater(pc.utf8_length(rows.field("hour").fill_null("")), 0)
    return clock, fits, with_clock.to_numpy(zero_copy_only=False)


def _zones(rows: pa.StructArray) -> tuple[Mask, Ints]:
    """Which rows name a zone, and its distance from UTC in microseconds."""
    zone = rows.field("zone").fill_null("")
    zoned = pc.greater(pc.utf8_length(zone), 0).to_numpy(zero_copy_only=False)
    offsets: dict[str, int] = {name: _offset(name) for name in pc.unique(zone).to_pylist()}
    names = list(offsets)
    at = pc.index_in(zone, pa.array(names)).to_numpy(zero_copy_only=False)
    return zoned, np.array([offsets[name] for name in names], dtype=np.int64)[at]


def _offset(zone: str) -> int:
    if not zone or zone[0] not in "+-":
        return 0
    digits = zone[1:].replace(":", "").ljust(4, "0")
    size = int(digits[:2]) * HOUR_US + int(digits[2:]) * MINUTE_US
    return -size if zone[0] == "-" else size
