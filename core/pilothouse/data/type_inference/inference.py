"""What the texts of a column are: the first type that reads all of them, or text, and why.

When all but a few read as numbers or times, the few are taken for mistakes, not for text. What one
column leaves open, such as 1,234 or 03/04/2024, is decided by the other columns of the file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pilothouse.data.booleans import read_booleans
from pilothouse.data.canonical import ARROW
from pilothouse.data.reading_options import AUTOMATIC, DateOrder, ReadOptions
from pilothouse.data.schema import NAMES, ONE_VALUE, Type
from pilothouse.data.type_inference import numbers
from pilothouse.data.type_inference.number_columns import DIGITS, formed_number, plain_number
from pilothouse.data.type_inference.text_column import (
    TYPED_MISSING,
    Clues,
    TextColumn,
    TypeDecision,
    TypedTable,
    Undecided,
    all_match,
    any_match,
    is_allowed,
    positions,
    without_words,
)
from pilothouse.data.type_inference.time_columns import epoch_decision, time_decision
from pilothouse.kit.errors import Invalid

STRAYS = 0.05  # of a column's values may be mistakes; where more differ, the column is text
NOTED = 0.5  # of a text column's values read as another type: worth a note
CLOCK_ONLY = r"^\d{1,2}:\d\d(:\d\d)?(\s*[AaPp][Mm])?$"
DATE_HINT = "2024-01-31, 31.01.2024, 31/01/2024, 01/31/2024 or 31 Jan 2024, with or without a time"
OnProblem = Callable[[str, Invalid], None]


def infer_types(
    texts: pa.Table,
    types: Mapping[str, Type],
    options: ReadOptions = AUTOMATIC,
    separator: str = "",
    on_problem: OnProblem | None = None,
) -> TypedTable:
    """A table of texts in the types declared, or recognised where none is.

    Raises Invalid that names the first row and column whose value does not fit, or the column
    whose form its values leave open; with `on_problem` that is called and the column stays text.
    """
    columns = [TextColumn(name, texts[name], options) for name in texts.column_names]
    made: dict[str, TypeDecision] = {}
    undecided: list[TextColumn] = []

    for column in columns:
        try:
            made[column.name] = _decide(column, types, Clues(separator), on_problem, last=False)
        except Undecided:
            undecided.append(column)

    # A column whose own values leave its form open is read like the columns that are clear.
    clues = _clues(separator, list(made.values()))
    for column in undecided:
        made[column.name] = _decide(column, types, clues, on_problem, last=True)

    _decide_missing_words(columns, made, types, options)
    return _table({column.name: made[column.name] for column in columns})


def convert_types(
    table: pa.Table, types: Mapping[str, Type], options: ReadOptions = AUTOMATIC
) -> TypedTable:
    """A canonical table with some columns in the types declared."""
    from pilothouse.data.canonical import type_of

    for name, declared in types.items():
        if name not in table.column_names:
            raise Invalid(
                f"there is no column {name!r} to read as {declared}.",
                hint=f"There are {', '.join(table.column_names)}.",
                fields={name: "no such column"},
            )
    made = {}
    for name in table.column_names:
        column, own = table[name], type_of(table[name].type)
        declared = types.get(name, own)
        if declared != own:
            made[name] = _retyped(name, column, own, declared, options)
        else:
            reason = "declared" if name in types else f"the file says {NAMES[own]}"
            made[name] = TypeDecision(column, own, reason)
    return _table(made)


def _decide(
    column: TextColumn,
    types: Mapping[str, Type],
    clues: Clues,
    on_problem: OnProblem | None,
    *,
    last: bool,
) -> TypeDecision:
    declared = types.get(column.name)
    try:
        if declared:
            return as_declared(column, declared, clues, last=last)
        return _infer(column, clues, last=last)
    except Invalid as problem:
        if on_problem is None:
            raise
        on_problem(column.name, problem)
        return TypeDecision(column.texts, "string", "kept as text", notes=(problem.message,))


def _infer(column: TextColumn, clues: Clues, *, last: bool) -> TypeDecision:
    """The first type that reads all values, or text. May raise Undecided."""
    if not column.present:
        return TypeDecision(column.texts, "string", "it has no values")
    if not column.may_be_typed:
        return _boolean_or_text(column)

    decision = (
        plain_number(column, clues, last=last)
        or _boolean(column)
        or time_decision(column, clues, last=last)
        or formed_number(column, clues, last=last)
    )

    if decision is not None:
        return replace(decision, missing_words=column.counted_words)
    return _nearly(column, clues, last=last) or _text(column)


def _boolean_or_text(column: TextColumn) -> TypeDecision:
    """A column with few digits: yes/no words, or text."""
    decision = _boolean(column) or TypeDecision(column.texts, "string", "values are words")
    counted = column.counted_words if decision.type == "boolean" else ()
    return replace(decision, missing_words=counted)


def as_declared(column: TextColumn, kind: Type, clues: Clues, *, last: bool = True) -> TypeDecision:
    """The column in the type declared. Raises Invalid that names the row that does not fit."""
    if kind == "string":
        return TypeDecision(column.texts, "string", "declared as text; words are values")
    if not column.present:
        empty = pa.chunked_array([pa.nulls(len(column.values), ARROW[kind])])
        return TypeDecision(empty, kind, "declared; it has no values")

    column = column if column.options.missing is not None else column.without_words(TYPED_MISSING)
    if kind == "boolean":
        decision = _boolean(column, declared=True)
    elif kind == "time":
        decision = time_decision(column, clues, last=last) or epoch_decision(column)
    else:
        decision = plain_number(column, clues, last=last, codes=True) or formed_number(
            column, clues, last=last
        )
        decision = decision and _as_kind(column, decision, kind)

    if decision is None:
        raise _mixed(column, kind, _strays(column, kind), declared=True)

    reason = f"declared; {decision.reason}"
    return replace(decision, reason=reason, missing_words=column.counted_words)


def _as_kind(column: TextColumn, decision: TypeDecision, kind: Type) -> TypeDecision | None:
    """Numbers as the kind of number declared, or None when it cannot hold them."""
    if decision.type == kind:
        return decision
    if decision.type not in ("number", "integer"):
        return None
    if kind == "number":
        return replace(decision, column=_floats(column, decision.column), type=kind)
    try:
        return replace(decision, column=decision.column.cast(ARROW[kind]), type=kind)
    except pa.ArrowInvalid:
        return None


def _floats(column: TextColumn, whole: pa.ChunkedArray) -> pa.ChunkedArray:
    """Whole numbers as floats. Raises Invalid for one that no float holds exactly.

    Arrow's own check refuses every number above 2^53, also those that a float does hold.
    """
    floats = whole.cast(pa.float64(), safe=False)
    # 2^63 as a float fits no 64-bit integer, so the largest ones are compared after a clip.
    back = pc.min_element_wise(floats, pa.scalar(float(2**63 - 1024))).cast(pa.int64(), safe=False)
    differ = positions(pc.not_equal(back, whole))
    if differ:
        raise Invalid(
            f"row {differ[0] + 1}, column {column.name!r}: "
            f"{column.values[differ[0]].as_py()!r:.200} has more digits than a number can hold.",
            hint="Declare the column as a 'string' or an 'integer' (`types`).",
        )
    return floats


def _boolean(column: TextColumn, *, declared: bool = False) -> TypeDecision | None:
    result = read_booleans(column.values, declared=declared)
    if result is None:
        if not declared or not all_match(column.values, r"^[01]$"):
            return None
        booleans = pc.if_else(pc.is_null(column.values), None, pc.equal(column.values, "1"))
        return TypeDecision(booleans, "boolean", "1 is true and 0 is false")
    booleans, boolean_words = result
    form = f"{boolean_words[1]}/{boolean_words[0]}" if boolean_words else "true/false"
    return TypeDecision(
        booleans, "boolean", f"all values are {form}", form, boolean_words=boolean_words
    )


# Text, and columns that are nearly something else


def _nearly(column: TextColumn, clues: Clues, *, last: bool) -> TypeDecision | None:
    """A column whose few other values mean missing; else it raises Invalid."""
    for kind in ("number", "time"):
        strays = _strays(column, kind)
        if not 0 < len(strays) <= max(1, STRAYS * column.present) or len(strays) == column.present:
            continue
        texts = {column.values[at].as_py() for at in strays}
        if texts <= set(TYPED_MISSING) and column.options.missing is None:
            return _infer(column.without_words(sorted(texts)), clues, last=last)
        raise _mixed(column, kind, strays)

    if column.options.missing is None:
        fewer = column.without_words(TYPED_MISSING)
        if fewer.present < column.present and fewer.present:
            decision = _infer(fewer, clues, last=last)
            return decision if decision.type != "string" else None
    return None


def _text(column: TextColumn, note: str = "") -> TypeDecision:
    """A text column, with a note when most of its values read as something else."""
    notes = [note] if note else _half_read(column)
    return TypeDecision(column.texts, "string", "values are words", notes=tuple(notes))


def _half_read(column: TextColumn) -> list[str]:
    if all_match(column.values, CLOCK_ONLY):
        return ["kept as text: times of day without a date"]

    for kind in ("number", "time"):
        strays = _strays(column, kind)
        share = 1 - len(strays) / column.present
        if strays and NOTED <= share < 1:
            at = strays[0]
            return [
                f"kept as text: {column.present - len(strays):,} of {column.present:,} values are "
                f"{NAMES[kind]}s, but row {at + 1} is {column.values[at].as_py()!r:.60}"
            ]

    if any_match(column.values, r"^[-+]?\d{19,}$") and all_match(column.values, DIGITS):
        return ["kept as text because these numbers have more digits than a number can hold"]
    return []


def _strays(column: TextColumn, kind: Type) -> list[int]:
    """The positions of values that do not read as a type, under the form that most have."""
    values = column.values

    if kind == "boolean":
        plain = pc.match_substring_regex(values, r"^(?i:true|false|yes|no|1|0)$")
        return positions(pc.invert(plain.fill_null(True)))
    if kind == "time":
        times = column.times
        best = max(times.fits_day_first, times.fits_month_first, key=lambda fits: int(fits.sum()))
        return np.flatnonzero(times.present & ~best).tolist()
    if kind == "integer":
        read = pc.match_substring_regex(values, DIGITS)
        return positions(pc.invert(read.fill_null(True)))

    finite = pc.or_(column.infinite, pc.is_null(values))
    matches = [
        pc.or_(pc.match_substring_regex(column.parts.bodies, form.pattern).fill_null(False), finite)
        for form in numbers.FORMS
        if is_allowed(form, column.options)
    ]
    best_match = max(matches, key=lambda match: pc.sum(match).as_py())
    return positions(pc.invert(best_match))


def _mixed(column: TextColumn, kind: Type, strays: list[int], *, declared: bool = False) -> Invalid:
    at = (strays or positions(pc.is_valid(column.values)))[0]
    row, count = at + 1, len(strays) or column.present
    value, what = column.values[at].as_py(), ONE_VALUE[kind]
    forms = f" Times are understood as {DATE_HINT}." if kind == "time" and declared else ""
    return Invalid(
        f"row {row}, column {column.name!r}: {value!r:.200} is not {what}, "
        f"while {column.present - count:,} of the column's {column.present:,} values are.{forms}",
        hint="Correct it, declare the word as missing (`missing`), or declare the column as a "
        "'string' (`types`). Rows count from 1 below the header.",
        fields={column.name: f"row {row}: {value!r:.200} is not {what}"},
    )


# Files as a whole


def _clues(separator: str, made: Sequence[TypeDecision]) -> Clues:
    """What the decided columns agree on."""
    decimals = {decision.decimal for decision in made if decision.decimal}
    orders: dict[str, set[DateOrder]] = {}
    for decision in made:
        if decision.order:
            orders.setdefault(decision.order[0], set()).add(decision.order[1])
    return Clues(
        separator,
        decimals.pop() if len(decimals) == 1 else None,
        {sign: candidates.pop() for sign, candidates in orders.items() if len(candidates) == 1},
    )


def _decide_missing_words(
    columns: list[TextColumn],
    made: dict[str, TypeDecision],
    types: Mapping[str, Type],
    options: ReadOptions,
) -> None:
    """Decide of the words NA and None in text columns whether they are values.

    They are values where the file writes missing values as empty cells. A note says so.
    """
    typed_words = {word for decision in made.values() for word, _ in decision.missing_words}
    file_has_empty = any(column.texts.null_count for column in columns)

    for column in columns:
        decision = made[column.name]
        if decision.type != "string" or not column.word_counts or types.get(column.name):
            continue
        counted = ", ".join(f"{word!r} ({count:,})" for word, count in column.counted_words)
        own_empty = bool(column.texts.null_count)
        by_file = file_has_empty and not typed_words & set(column.word_counts)
        if options.missing is None and column.present and (own_empty or by_file):
            note = f"{counted}: taken as values, because missing values are empty cells here"
            made[column.name] = replace(decision, notes=(*decision.notes, note))
            continue

        cells, _ = without_words(column.texts, tuple(column.word_counts))
        note = f"{counted}: taken for missing; declare the column as text to keep them as values"
        notes = decision.notes if options.missing is not None else (*decision.notes, note)
        made[column.name] = replace(
            decision, column=cells, notes=notes, missing_words=column.counted_words
        )


def _table(made: Mapping[str, TypeDecision]) -> TypedTable:
    return TypedTable(
        pa.table({name: decision.column for name, decision in made.items()}),
        {name: decision.boolean_words for name, decision in made.items() if decision.boolean_words},
        tuple(decision.reading(name) for name, decision in made.items()),
    )


def _retyped(
    name: str, column: pa.ChunkedArray, own: Type, declared: Type, options: ReadOptions
) -> TypeDecision:
    if declared == "number" and own == "integer":
        _check_exact(name, column)
        return TypeDecision(column.cast(ARROW["number"]), "number", "declared")
    texts = column.cast(ARROW["string"])
    decision = as_declared(TextColumn(name, texts, options), declared, Clues())
    return replace(decision, reason="declared")


def _check_exact(name: str, column: pa.ChunkedArray) -> None:
    """Raise Invalid for whole numbers that a float would change."""
    beyond = pc.greater(pc.abs_checked(column.drop_null()), numbers.EXACT)
    if not pc.any(beyond, min_count=0).as_py():
        return
    at = positions(pc.greater(pc.abs(column), numbers.EXACT).fill_null(False))[0]
    value = column[at].as_py()
    raise Invalid(
        f"row {at + 1}, column {name!r}: {value} has more digits than a number can hold.",
        hint="Leave the column whole, or declare it as text.",
        fields={name: f"row {at + 1}: {value} would change as a number"},
    )
