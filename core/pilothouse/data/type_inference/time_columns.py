"""Text columns that are dates or times."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from pilothouse.data.canonical import ARROW
from pilothouse.data.reading_options import DateOrder
from pilothouse.data.type_inference import dates
from pilothouse.data.type_inference.text_column import (
    Clues,
    TextColumn,
    TypeDecision,
    Undecided,
    any_match,
    cast,
)
from pilothouse.kit.errors import Invalid

SORTED_LEAST = 8  # values before their order in time says which number is the month


def time_decision(column: TextColumn, clues: Clues, *, last: bool) -> TypeDecision | None:
    """Instants, of dates and times in any form that is understood."""
    iso = _iso_times(column.values)
    if iso is not None:
        zoned = any_match(column.values, rf"({dates.ZONE})$") and any_match(column.values, r":")
        reason = "all values are ISO dates or times" + ("" if zoned else ", read as UTC")
        return TypeDecision(iso, "time", reason, "yyyy-mm-dd")

    times = column.times
    orders = times.fitting_orders()
    if not orders:
        return None
    order, how = _chosen_order(column, orders, clues, last=last)

    notes = [*_zone_notes(times)]
    if times.short_years:
        notes.append(
            f"{times.short_years:,} years have two digits: 69 to 99 were read as 1969 to 1999, "
            "0 to 68 as 2000 to 2068"
        )

    evidence = (times.separator, orders[0]) if len(orders) == 1 and times.numeric.any() else None
    return TypeDecision(
        times.instants(order), "time", f"all values are dates or times{how}",
        times.form(order), tuple(notes), order=evidence,
    )  # fmt: skip


def _zone_notes(times: dates.TimeTexts) -> list[str]:
    """Notes about values without a time zone among others that have one."""
    zoned, present = int(times.zoned.sum()), int(times.present.sum())
    if not 0 < zoned < present:
        return []
    return [f"{present - zoned:,} of {present:,} values have no zone and were read as UTC"]


def _chosen_order(
    column: TextColumn, orders: list[DateOrder], clues: Clues, *, last: bool
) -> tuple[DateOrder, str]:
    """Which number is the day, and how that is known. Raises Invalid when no value decides it."""
    times, option = column.times, column.options.date_order
    if option in orders:
        return option, f", {option} as declared" if times.numeric.any() else ""

    if not times.numeric.any() or times.same_in_both:
        return orders[0], ""
    if len(orders) == 1:
        return orders[0], f", {orders[0]} because some days are above 12"
    if times.separator == ".":
        return "day-first", ", day-first as dates with points are"

    if not last:
        raise Undecided
    if times.separator in clues.orders:
        return clues.orders[times.separator], ", in the same order as another column"
    in_order = [order for order in orders if times.is_sorted(order)]
    if len(in_order) == 1 and column.present >= SORTED_LEAST:
        return in_order[0], f", {in_order[0]} because they are sorted then"

    text = column.values.drop_null()[0].as_py()
    raise Invalid(
        f"column {column.name!r}: {text!r} can be {_example(text)}, and no value of the "
        "column tells which.",
        hint="Say it by `date_order`: day-first or month-first; or declare the column as text.",
        fields={column.name: "needs the order of its dates (date_order)"},
    )


def _example(text: str) -> str:
    parts = dates.parse_times(pa.chunked_array([[text]]))
    orders: tuple[DateOrder, ...] = ("day-first", "month-first")
    read = [f"{parts.instants(order)[0].as_py():%Y-%m-%d} ({order})" for order in orders]
    return " or ".join(read)


def _iso_times(texts: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Instants, of ISO texts that all have a zone or all have none, which is UTC then."""
    for unit in ("us", "ns"):
        for zone in ("UTC", None):
            try:
                return texts.cast(pa.timestamp(unit, tz=zone)).cast(ARROW["time"], safe=False)
            except pa.ArrowInvalid:
                continue
    return None


def epoch_decision(column: TextColumn) -> TypeDecision | None:
    """Whole numbers declared as times: seconds to nanoseconds since 1970, by their size."""
    whole = cast(column.values, "integer")
    if whole is None:
        return None

    largest = pc.max(pc.abs(whole)).as_py()
    if largest < 10**11:
        unit, micro = "seconds", pc.multiply(whole, 10**6)
    elif largest < 10**14:
        unit, micro = "milliseconds", pc.multiply(whole, 10**3)
    elif largest < 10**17:
        unit, micro = "microseconds", whole
    else:
        unit, micro = "nanoseconds", pc.divide(whole, 1000)

    instants = micro.cast(pa.int64()).cast(ARROW["time"])
    return TypeDecision(
        instants, "time", f"whole numbers are {unit} since 1970", f"{unit} since 1970"
    )
