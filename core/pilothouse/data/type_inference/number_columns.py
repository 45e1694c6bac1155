"""Text columns that are numbers: as programs write them, or as people do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pilothouse.data.type_inference import numbers
from pilothouse.data.type_inference.text_column import (
    Clues,
    TextColumn,
    TypeDecision,
    Undecided,
    all_match,
    any_match,
    cast,
)

GROUPED = r"^-?\d{1,3}(\.\d{3})+$"
CODE = r"^[-+]?0[0-9xX]"
DIGITS = r"^[-+]?\d+$"


def plain_number(
    column: TextColumn, clues: Clues, *, last: bool, codes: bool = False
) -> TypeDecision | None:
    """Numbers as programs write them. Codes such as 007 are none, unless declared to be."""
    values, options = column.values, column.options
    whole = cast(values, "integer")
    if whole is not None:
        if not codes and any_match(values, CODE):
            return TypeDecision(
                column.texts, "string", "codes: some values begin with zero",
                notes=("kept as text because values such as 007 would lose their zeros",),
            )  # fmt: skip
        return TypeDecision(whole, "integer", "all values are whole numbers")

    if options.decimal == "," or options.thousands == ".":
        return None
    read = cast(values, "number")
    if read is None:
        return None

    if not codes and any_match(values, r"^[-+]?0[0-9]"):
        return TypeDecision(column.texts, "string", "codes: some values begin with zero")
    if options.decimal is None and all_match(values, GROUPED):
        decimal = clues.decimal
        if decimal is None and not last:
            raise Undecided
        if decimal == ",":
            return None

    evidence = None if all_match(values, GROUPED) else "."
    return replace(_number_of(column, values, read), decimal=evidence)


def _number_of(column: TextColumn, plain: pa.ChunkedArray, read: pa.ChunkedArray) -> TypeDecision:
    """Floats; whole numbers when missing values are why the file writes them as 3.0."""
    whole = numbers.whole_texts(plain)
    if whole is not None and (read.null_count or not numbers.is_exact(plain)):
        integers = cast(whole, "integer")
        if integers is not None:
            reason = "all values are whole; .0 stands there because others are missing"
            return TypeDecision(integers, "integer", reason)

    if not numbers.is_exact(plain):
        return TypeDecision(
            column.texts, "string", "numbers with more digits than a float holds",
            notes=("kept as text because these numbers have more digits than a number can hold",),
        )  # fmt: skip

    notes = _infinite_note(read)
    return TypeDecision(read, "number", "all values are numbers", notes=notes)


def _infinite_note(read: pa.ChunkedArray) -> tuple[str, ...]:
    endless = pc.sum(pc.is_inf(read)).as_py() or 0
    return (f"{endless:,} values are infinite",) if endless else ()


def formed_number(column: TextColumn, clues: Clues, *, last: bool) -> TypeDecision | None:
    """Numbers with decimal commas, thousands, currencies or percent signs."""
    forms = column.forms()
    if not forms:
        return None

    units = column.parts.units
    named = [unit for unit in units if unit]
    if len(named) > 1:
        return _as_text(column, f"the values have several units: {', '.join(named)}")
    if named == ["%"] and "" in units:
        return _as_text(column, "some values have a percent sign and others have none")

    # Codes such as 007 stay text, unless the values have a unit.
    form, note = _chosen_form(column, forms, clues, last=last)
    plain = numbers.plain_texts(column.parts, form)
    if any_match(plain, CODE) and not named and all_match(plain, DIGITS):
        return None

    read = cast(plain, "number")
    if read is None:
        return None
    if pc.any(column.infinite).as_py():
        endless = pc.if_else(pc.starts_with(column.values, "-"), -np.inf, np.inf)
        read = pc.if_else(column.infinite, endless, read)

    whole = cast(plain, "integer") if not pc.any(column.infinite).as_py() else None
    if whole is not None:
        decision = TypeDecision(whole, "integer", "all values are whole numbers")
    else:
        decision = _number_of(column, plain, read)
    return _described(decision, form, named, note, column)


def _as_text(column: TextColumn, note: str) -> TypeDecision:
    return TypeDecision(column.texts, "string", "values are words", notes=(note,))


def _described(
    decision: TypeDecision,
    form: numbers.NumberForm,
    units: list[str],
    note: str,
    column: TextColumn,
) -> TypeDecision:
    """A decision whose reason names the form of the numbers, and whose evidence it is."""
    if decision.type == "string":
        return decision

    parts = []
    if form.decimal == ",":
        parts.append("a decimal comma")
    if form.thousands:
        parts.append(f"{form.thousands!r} between thousands")
    if units == ["%"]:
        parts.append("a percent sign, which was removed: 12 % is 12")
    elif units:
        parts.append(f"the currency {units[0]}, which was removed")

    reason = decision.reason + (f", with {' and '.join(parts)}" if parts else "")
    written = form.example + (" %" if units == ["%"] else f" {units[0]}" if units else "")
    notes = (*decision.notes, note) if note else decision.notes

    decimals = {one.decimal for one in column.forms()}
    evidence = form.decimal if len(decimals) == 1 else None
    return replace(decision, reason=reason, form=written, notes=notes, decimal=evidence)


def _chosen_form(
    column: TextColumn, forms: list[numbers.NumberForm], clues: Clues, *, last: bool
) -> tuple[numbers.NumberForm, str]:
    """The form among those that read all values; with a note when the values leave it open."""
    bodies = column.parts.bodies
    readings = {form: numbers.plain_texts(column.parts, form) for form in forms}
    distinct = {form: cast(text, "number") for form, text in readings.items()}

    first = forms[0]
    others = [form for form in forms[1:] if not _same(distinct[form], distinct[first])]
    if not others:
        return first, ""

    if clues.decimal is None and not last:
        raise Undecided

    decimal = clues.decimal or ("," if clues.separator == ";" else ".")
    chosen = next((form for form in forms if form.decimal == decimal), first)

    text = bodies.drop_null()[0].as_py()
    other = next(form for form in forms if not _same(distinct[form], distinct[chosen]))
    why = (
        "as in other columns" if clues.decimal else f"as files separated by {clues.separator!r} do"
    )
    note = (
        f"{text!r} could also be written as {other.example}; it was read as {chosen.example}, {why}"
    )
    return chosen, note


def _same(a: pa.ChunkedArray | None, b: pa.ChunkedArray | None) -> bool:
    return a is not None and b is not None and bool(a.equals(b))
