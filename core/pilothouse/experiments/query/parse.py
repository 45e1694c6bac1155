"""Filters as text to trees and back. The parser is built with the first filter."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cache, lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from pilothouse.experiments.query.syntax_tree import (
    CONTAINS,
    JOINERS,
    MATCH_ALL,
    TEXT,
    And,
    FieldReference,
    Not,
    Now,
    Or,
    Position,
    Predicate,
    SingleValue,
    Tree,
    Value,
)
from pilothouse.kit.errors import Invalid

if TYPE_CHECKING:
    from lark import Lark, Token
    from lark.exceptions import UnexpectedInput

MAX_LENGTH = 100_000
MAX_DEPTH = 50
MAX_PREDICATES = 300
MAX_VALUES = 10_000
MAX_SHOWN = 40
SECONDS = {"w": 604_800, "d": 86_400, "h": 3600, "m": 60, "s": 1}
EXAMPLE = "metrics.auc > 0.8 or name = 'forest'"
RESERVED = re.compile(
    r"(and|or|not|in|is|null|like|ilike|contains|now|nan|inf|infinity)", re.IGNORECASE
)
PLAIN_NAME = re.compile(r"[^\W\d][\w/:-]*")
PLAIN_KEY = re.compile(r"[\w./:-]+")
SPAN = re.compile(r"(\d+)(?:\.(\d+))?([smhdw])", re.IGNORECASE)
OTHER_WORDS = {"&": "AND", "|": "OR", "!": "NOT", "~": "=~", "[": "(", "{": "(", ";": "AND"}


class ParseError(Invalid):
    """A filter that cannot be parsed: the column, the rest of its text, and what was expected."""

    def __init__(self, text: str, at: int, expected: str, *, kind: str = "") -> None:
        near = text[at:].strip()
        where = f"at column {at + 1}, near {_shorten(near)}" if near else "at its end"
        super().__init__(
            f"the filter cannot be read {where}: {expected}.",
            fields={"filter": f"column {at + 1}: {expected}"},
        )
        self.column, self.rest, self.kind = at + 1, near, kind


def _shorten(text: str) -> str:
    word = re.match(r"'[^']*'?|\"[^\"]*\"?|[\w./:`-]+|\S", text)
    token = word[0] if word else text
    return repr(token if len(token) <= MAX_SHOWN else token[: MAX_SHOWN - 1] + "…")


@lru_cache(maxsize=64)
def parse(text: str) -> Tree:
    """The tree of a filter; a blank one selects everything. Raises ParseError, naming the place.

    PERF: trees are kept by their text, as the table, the count and the groups of one page parse the
    same filter (`tests/bench/run.py table`). Trees are frozen, so that they can be shared.
    """
    _check(text)
    if not text.strip():
        return MATCH_ALL
    from lark.exceptions import UnexpectedInput

    try:
        parsed = _lark().parse(text)
    except UnexpectedInput as stuck:
        raise _explain(text, stuck) from None
    return _TreeBuilder(text).tree(parsed)


def _check(text: str) -> None:
    if len(text) > MAX_LENGTH:
        raise ParseError(
            text, MAX_LENGTH, f"a filter has at most {MAX_LENGTH:,} characters", kind="length"
        )
    for at, character in enumerate(text):
        if character == "\0" or "\ud800" <= character <= "\udfff":
            raise ParseError(text, at, "this character is not allowed", kind="sign")


@cache
def _lark() -> Lark:
    from lark import Lark

    grammar = files(__package__).joinpath("grammar.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", lexer="basic", postlex=_SizeLimiter())


class _SizeLimiter:
    """Counts tokens on their way to the parser and refuses a filter that is too deep or too long.

    A database would fail on such a filter with an error of its own, or take very long.
    """

    always_accept = ()

    def process(self, stream: Iterator[Token]) -> Iterator[Token]:
        """Pass the tokens on. Raises ParseError at the first one beyond a limit."""
        opened: list[int] = []
        depth = waiting = predicates = values = 0
        for token in stream:
            if token.type in ("NOT", "LPAR"):
                depth, waiting = depth + 1, waiting + 1
            if token.type == "LPAR":
                opened.append(waiting)
                waiting = 0
            elif token.type != "NOT":
                depth, waiting = depth - waiting, 0
            if token.type == "RPAR" and opened:
                depth -= opened.pop()
            predicates += token.type in ("AND", "OR")
            values += token.type == "COMMA"
            _check_limit(token, depth, MAX_DEPTH, "it nests deeper than {} levels")
            _check_limit(token, predicates, MAX_PREDICATES - 1, "it has more than 300 conditions")
            _check_limit(token, values, MAX_VALUES, "its lists have more than {:,} values")
            yield token


def _check_limit(token: Token, count: int, most: int, message: str) -> None:
    if count > most:
        before = " " * (token.start_pos or 0)
        raise ParseError(f"{before}{token}", len(before), message.format(most), kind="size")


def _explain(text: str, stuck: UnexpectedInput) -> ParseError:
    from lark.exceptions import UnexpectedToken

    if not isinstance(stuck, UnexpectedToken):
        return _unknown_character(text, stuck.pos_in_stream or 0)

    token = stuck.token
    at = len(text.rstrip()) if token.type == "$END" else token.start_pos
    accepted = stuck.accepts
    if "NULL" in accepted:
        return ParseError(text, at, "expected NULL, NAN or NOT before one of them", kind="operator")
    if "SIGN" in accepted:
        expected = "expected an operator such as =, >, LIKE, CONTAINS or IN"
        return ParseError(text, at, expected, kind="operator")
    if "NUMBER" in accepted:
        return _expected_value(text, at, token)
    if "NAME" in accepted:
        expected = f"expected a comparison such as {EXAMPLE}"
        return ParseError(text, at, expected, kind="comparison")
    if "AND" in accepted:
        closing = " or )" if "RPAR" in accepted else ""
        return ParseError(text, at, f"expected AND, OR{closing} or the end", kind="joiner")

    return _expected_sign(text, at, accepted)


_SIGNS = {  # by what alone could follow
    "COMMA": "a comma or the ) of the list",
    "LPAR": "a list such as ('a', 'b')",
    "RPAR": "AND, OR or a closing )",
    "IN": "IN, LIKE, ILIKE or CONTAINS after NOT",
    "$END": "AND, OR or the end",
}


def _expected_sign(text: str, at: int, accepted: set[str]) -> ParseError:
    expected = next(
        (expected for name, expected in _SIGNS.items() if name in accepted), "something else"
    )
    return ParseError(text, at, f"expected {expected}", kind="sign")


def _expected_value(text: str, at: int, token: Token) -> ParseError:
    if token.type == "NAME":
        expected = f"string values must be quoted: {quote_text(str(token)[:MAX_SHOWN])}"
        return ParseError(text, at, expected, kind="unquoted")
    if token.type == "LPAR":
        return ParseError(text, at, "expected one value; a list needs IN", kind="value")
    expected = "expected a value: a number, a quoted string, a duration such as 2h, or now - 7d"
    return ParseError(text, at, expected, kind="value")


def _unknown_character(text: str, at: int) -> ParseError:
    sign = text[at]
    if sign in "'\"`":
        return ParseError(text, at, f"the quote {sign} is never closed", kind="quote")
    if sign.isdigit() or sign in ".+-":
        message = "this is neither a number nor a duration such as 30s, 5m, 2h, 7d or 1w"
        return ParseError(text, at, message, kind="value")
    if sign in OTHER_WORDS:
        return ParseError(text, at, f"{sign!r} is not known here; try {OTHER_WORDS[sign]}")
    return ParseError(text, at, f"{sign!r} is not known here")


class _TreeBuilder:
    """Builds the tree of a filter from the parser's; recursion is safe below `MAX_DEPTH`."""

    def __init__(self, text: str) -> None:
        self._text = text

    def tree(self, node: Any) -> Tree:
        if node.data in ("both", "either"):
            parts = tuple(self.tree(part) for part in node.children if hasattr(part, "data"))
            return And(parts) if node.data == "both" else Or(parts)
        if node.data == "negation":
            return Not(self.tree(node.children[1]))
        if node.data == "word":
            [token] = node.children
            value = _unquote(token) if token[0] in "'\"`" else str(token)
            return Predicate(TEXT, CONTAINS, value, self._position(token, token), bare=True)
        return self._predicate(node)

    def _predicate(self, node: Any) -> Predicate:
        named, *rest = node.children
        field, first = self._field(named)
        if node.data == "listed":
            *operators, last = rest
            value: Value = tuple(self._value(token) for token in last.children)
            raw = f"({', '.join(last.children)})"
            end = last.children[-1] if last.children else operators[-1]
        elif node.data == "empty":
            operators, value, end = rest, None, rest[-1]
            raw = _operator(operators)
        else:
            *operators, end = rest
            value, raw = self._value(end), str(end)

        value_token = end if node.data != "listed" else operators[-1]
        position = self._position(first, end, value_token)
        return Predicate(field, _operator(operators), value, position, raw)

    def _position(self, first: Token, last: Token, value: Token | None = None) -> Position:
        start, end = first.start_pos or 0, last.end_pos or 0
        return Position(start + 1, self._text[start:end], ((value or first).start_pos or 0) + 1)

    def _field(self, node: Any) -> tuple[FieldReference, Token]:
        token = node.children[-1]
        field = parse_field(str(token))
        if not field.key:
            raise ParseError(self._text, token.start_pos, "a key is expected after the dot")
        if node.data == "name":
            return field, token
        return FieldReference(field.entity, field.key, node.children[0].lower()), node.children[0]

    def _value(self, token: Token) -> SingleValue:
        try:
            value: SingleValue = _VALUES[token.type](token)
        except (OverflowError, ValueError):  # or more digits than Python reads
            message = "this duration is too long"
            raise ParseError(self._text, token.start_pos or 0, message) from None
        return value


def _operator(tokens: Sequence[Token]) -> str:
    word = " ".join(token.upper() for token in tokens)
    return {"==": "=", "<>": "!="}.get(word, word)


def parse_field(text: str) -> FieldReference:
    """The field of a name as filters write it: `metrics.auc`, ``tags.`a b` ``, `name`."""
    if text[:1] in '`"':
        return FieldReference("", _unquote(text))
    entity, dot, key = text.partition(".")
    return FieldReference(entity, _unquote(key)) if dot else FieldReference("", entity)


def _unquote(text: str) -> str:
    quote = text[:1]
    if len(text) < 2 or quote not in "`\"'" or text[-1] != quote:
        return text
    return text[1:-1].replace(quote * 2, quote)


def _span(text: str) -> timedelta:
    micros = 0
    for whole, part, unit in SPAN.findall(text):
        exact = int(whole) * 1_000_000 + int(part[:6].ljust(6, "0"))
        micros += exact * SECONDS[unit.lower()]
    return timedelta(microseconds=micros)


def _now(text: str) -> Now:
    span = _span(text)
    return Now(-span if "-" in text else span)


_VALUES: dict[str, Any] = {
    "SINGLE": _unquote,
    "DOUBLE": _unquote,
    "NUMBER": float,
    "SPAN": _span,
    "NOW": _now,
}


def write(tree: Tree) -> str:
    """The tree as canonical text, which `parse` reads back as an equal tree."""
    if isinstance(tree, Predicate):
        return _write_predicate(tree)
    if isinstance(tree, Not):
        return f"NOT {_write_enclosed(tree.part, (And, Or))}"
    if isinstance(tree, And):
        return " AND ".join(_write_enclosed(part, (And, Or)) for part in tree.parts)
    return " OR ".join(_write_enclosed(part, (Or,)) for part in tree.parts)


def join_predicates(joiner: str, predicates: Sequence[Predicate]) -> str:
    """Predicates joined by AND or OR as canonical text; the other way round, see `simple`."""
    parts = tuple(predicates)
    if len(parts) == 1:
        return write(parts[0])
    return write(JOINERS[joiner](parts))


def _write_enclosed(tree: Tree, enclosed: tuple[type[Tree], ...]) -> str:
    return f"({write(tree)})" if isinstance(tree, enclosed) else write(tree)


def _write_predicate(predicate: Predicate) -> str:
    if (
        predicate.field == TEXT
        and predicate.operator == CONTAINS
        and isinstance(predicate.value, str)
    ):
        return quote_text(predicate.value)
    name = write_field(predicate.field)
    if predicate.value is None:
        return f"{name} {predicate.operator}"
    return f"{name} {predicate.operator} {_write_value(predicate.value)}"


def write_field(field: FieldReference) -> str:
    """A field as filters write it; keys other than plain words are put in backticks."""
    if field.part:
        return f"{field.part}({write_field(replace(field, part=''))})"
    if field.entity:
        plain = PLAIN_KEY.fullmatch(field.key)
        return f"{field.entity}.{field.key if plain else quote_text(field.key, '`')}"
    plain = PLAIN_NAME.fullmatch(field.key)
    if plain and not RESERVED.fullmatch(field.key):
        return field.key
    return quote_text(field.key, "`")


def _write_value(value: Value) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(_write_value(item) for item in value)})"
    if isinstance(value, str):
        return quote_text(value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, timedelta):
        return _write_span(value)

    assert isinstance(value, Now)
    if not value.offset:
        return "now"

    sign = "-" if value.offset < timedelta() else "+"
    return f"now {sign} {_write_span(abs(value.offset))}"


def _write_span(span: timedelta) -> str:
    """A duration in the largest unit that divides it, up to days."""
    micros = span // timedelta(microseconds=1)
    for unit, seconds in SECONDS.items():
        if unit != "w" and micros % (seconds * 1_000_000) == 0:
            return f"{micros // (seconds * 1_000_000)}{unit}"
    return f"{micros // 1_000_000}.{micros % 1_000_000:06}s"


def quote_text(text: str, quote: str = "'") -> str:
    """A text in quotes, quotes inside it doubled."""
    return quote + text.replace(quote, quote * 2) + quote
