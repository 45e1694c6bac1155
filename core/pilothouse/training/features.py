"""Which columns of a dataset version are features, and for each column why it is or is not one.

It reads the version's profile and no rows, so that a form can say before a training what the
training will do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pilothouse.data.info import ColumnProfile
from pilothouse.kit.errors import Invalid
from pilothouse.models.answers import AT, GROUP, ROW, TARGET
from pilothouse.training.columns import FeatureColumns

NUMBERS = ("number", "integer", "boolean")
# Names that the files of a run use for facts about a row.
RESERVED = (TARGET, "__score", ROW, GROUP, AT, "__label")
MIN_DISTINCT = 20  # a column with fewer values is a category, however few rows there are
IDENTIFIER_SHARE = 0.5  # distinct texts per row above which a column identifies rows
MAX_CODES = 254
MIN_TEXT_WORDS = 5  # words of a value on average, from which on it is a sentence
MIN_TEXT_LENGTH = 60
MIN_COLLISIONS = 10.0
COLLISION_SHARE = 0.2

IDENTIFIER_TOKENS = {
    *("id", "ids", "uuid", "guid", "key", "pk", "nr", "no", "num", "nummer", "number", "index"),
    *("idx", "rowid", "rownum", "rownumber", "kennung", "identifier", "identifiant", "numero"),
}
IDENTIFIER_ENDINGS = (
    *("nummer", "number", "uuid", "guid", "_id", "rowid", "userid", "customerid", "clientid"),
    *("orderid", "productid", "accountid", "transactionid", "sessionid", "recordid", "eventid"),
    *("itemid", "caseid", "patientid", "passengerid", "kundenid", "memberid", "loanid"),
    *("employeeid", "studentid", "personid", "deviceid", "messageid", "requestid"),
)
TOKENS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


@dataclass(frozen=True)
class ColumnUse:
    """Whether a column is a feature of a training, and why, as a sentence without its full stop."""

    column: str
    type: str
    used: bool
    reason: str

    def to_json(self) -> dict[str, Any]:
        """A plain value that `from_json` reads back."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> ColumnUse:
        """The column use that `to_json` wrote."""
        return cls(value["column"], value["type"], value["used"], value["reason"])


def column_uses(
    profile: Sequence[ColumnProfile], target: str, event_time: str | None, chosen: Sequence[str]
) -> tuple[ColumnUse, ...]:
    """The use of every column, in the order of the data.

    `chosen` are the features that somebody named; when it is empty, every usable column is one.
    Raises Invalid when a named column cannot be a feature.
    """
    names = [column.name for column in profile]

    for name in chosen:
        if name not in names:
            raise Invalid(
                f"there is no column {name!r}.",
                hint=f"The columns are {', '.join(names)}.",
                fields={"features": f"{name} is not a column"},
            )
        if name in RESERVED:
            raise Invalid(
                f"the column {name!r} cannot be a feature: its name is reserved.",
                hint=f"Rename it. Reserved are {', '.join(RESERVED)}.",
                fields={"features": f"{name} is a reserved name"},
            )
        if name == event_time:
            raise Invalid(
                f"the column {name!r} cannot be a feature: it is the time of the event.",
                hint="Leave it out.",
                fields={"features": f"{name} is the time of the event"},
            )

    return tuple(_use(column, target, event_time, chosen) for column in profile)


def features(uses: Sequence[ColumnUse], chosen: Sequence[str], dataset: str) -> FeatureColumns:
    """The columns in use, by how they are encoded. Raises Invalid when there is none."""
    types = {use.column: use.type for use in uses if use.used}
    names = [name for name in chosen or types if name in types]

    if not names:
        raise Invalid(
            f"{dataset} has no usable feature.",
            hint="; ".join(f"{use.column}: {use.reason}" for use in uses[:10]) + ".",
            fields={"features": "none is usable"},
        )

    return FeatureColumns(
        numbers=tuple(name for name in names if types[name] in NUMBERS),
        categories=tuple(name for name in names if types[name] == "string"),
        times=tuple(name for name in names if types[name] == "time"),
    )


def _use(
    column: ColumnProfile, target: str, event_time: str | None, chosen: Sequence[str]
) -> ColumnUse:
    name = column.name
    if name == target:
        return ColumnUse(name, column.type, False, "it is the target")
    if chosen:
        reason = "it was chosen" if name in chosen else "it was not chosen"
        return ColumnUse(name, column.type, name in chosen, reason)
    if name == event_time:
        return ColumnUse(name, column.type, False, "it is the time of the event")
    against = next(_reasons_against(column), None)
    if against is not None:
        return ColumnUse(name, column.type, False, against)
    return ColumnUse(name, column.type, True, _description(column))


def _reasons_against(column: ColumnProfile) -> Iterator[str]:
    """Reasons not to use a column as a feature, the strongest first."""
    present = column.rows - column.missing
    if column.name in RESERVED:
        yield "its name is reserved for facts about a row; rename it to use it"
    if column.distinct == 0:
        yield "it has no values"
    if column.distinct == 1 and not column.missing:
        yield "it has the same value in every row"
    if column.type == "string":
        yield from _text_objections(column, present)
    if column.type == "integer":
        yield from _integer_objections(column, present)


def _text_objections(column: ColumnProfile, present: int) -> Iterator[str]:
    if column.distinct < MIN_DISTINCT:
        return
    if _is_free_text(column):
        yield f"it is free text: {column.distinct:,} different texts in {present:,} rows"
    if column.distinct > IDENTIFIER_SHARE * present:
        yield f"it is an identifier: {column.distinct:,} different texts in {present:,} rows"


def _is_free_text(column: ColumnProfile) -> bool:
    """Whether its most frequent values read like sentences rather than like names of classes."""
    values = [value for value, _ in column.top]
    words_per_value = sum(len(value.split()) for value in values) / len(values)
    length = sum(len(value) for value in values) / len(values)
    return column.distinct > MAX_CODES // 2 and (
        words_per_value >= MIN_TEXT_WORDS or length > MIN_TEXT_LENGTH
    )


def _integer_objections(column: ColumnProfile, present: int) -> Iterator[str]:
    if column.distinct < min(MIN_DISTINCT, max(present, 10)):
        return

    share = column.distinct / present
    span = (column.high or 0.0) - (column.low or 0.0) + 1
    if share == 1 and span == present:
        yield f"it numbers the rows: each of {present:,} rows has the next number"
    if share > IDENTIFIER_SHARE and is_identifier_name(column.name):
        yield (
            "it is an identifier by its name: "
            f"{column.distinct:,} different numbers in {present:,} rows"
        )
    if _is_numbered(column, present, span):
        yield (
            f"it is an identifier: {column.distinct:,} different numbers in {present:,} rows, "
            f"from a range of {span:,.0f}"
        )


def _is_numbered(column: ColumnProfile, present: int, span: float) -> bool:
    """Whether values differ from row to row more often than measured integers would.

    Of n draws from a range of m values, about n²/2m pairs are equal even when all values are
    equally likely, and more when they are not. A column with far fewer was made to be unique.
    """
    expected = present**2 / (2 * span)
    return expected > MIN_COLLISIONS and present - column.distinct < COLLISION_SHARE * min(
        expected, present
    )


def is_identifier_name(name: str) -> bool:
    """Whether a column's name says that it identifies rows: customer_id, Kunden Nr, orderKey."""
    tokens = [token.lower() for token in TOKENS.findall(name)]
    if not tokens:
        return False
    edges = {tokens[0], tokens[-1]} & IDENTIFIER_TOKENS
    return bool(edges) or name.lower().endswith(IDENTIFIER_ENDINGS)


def _description(column: ColumnProfile) -> str:
    """How a column in use is encoded."""
    if column.type == "string":
        coded = f"a category of {column.distinct:,} values"
        return coded if column.distinct <= MAX_CODES else f"{coded}, the {MAX_CODES} most frequent"
    if column.type == "time":
        return "a time: its day, month, weekday and hour are used"
    if column.type == "boolean":
        return "true or false"
    return f"a number with {column.distinct:,} different values"
