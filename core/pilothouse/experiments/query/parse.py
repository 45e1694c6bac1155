"""Text to tree and back. The parser is built once, when the first filter is read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from pilothouse.experiments.query.tree import (
    CONTAINS,
    EVERYTHING,
    JOINERS,
    TEXT,
    And,
    Comparison,
    FieldReference,
    Not,
    Now,
    Or,
    Position,
    Single,
    Tree,
    Value,
)
from pilothouse.kit.errors import Invalid

if TYPE_CHECKING:
    from lark import Lark, Token
    from lark.exceptions import UnexpectedInput

MAX_LENGTH = 100_000
MAX_DEPTH = 50
MAX_CLAIMS = 300
MAX_VALUES = 10_000
SHOWN = 40
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
    """A filter that cannot be read: where, from which words on, and what was expected there."""

    def __init__(self, text: str, at: int, expected: str, *, kind: str = "") -> None:
        near = text[at:].strip()
        where = f"at column {at + 1}, near {_short(near)}" if near else "at its end"
        super().__init__(
            f"the filter cannot be read {where}: {expected}.",
            fields={"filter": f"column {at + 1}: {expected}"},
        )
        self.column, self.rest, self.kind = at + 1, near, kind


def _short(words: str) -> str:
    word = re.match(r"'[^']*'?|\"[^\"]*\"?|[\w./:`-]+|\S", words)
    found = word[0] if word else words
    return repr(found if len(found) <= SHOWN else found[: SHOWN - 1] + "…")


def parse(text: str) -> Tree:
    """The tree of a filter; a blank one means everything. Raises Unreadable, naming the place."""
    _check(text)
    if not text.strip():
        return EVERYTHING
    from lark.exceptions import UnexpectedInput

    try:
        found = _lark().parse(text)
    except UnexpectedInput as stuck:
        raise _explained(text, stuck) from None
    return _Reader(text).tree(found)


def _check(text: str) -> None:
    if len(text) > MAX_LENGTH:
        raise ParseError(
            text, MAX_LENGTH, f"a filter has at most {MAX_LENGTH:,} characters", kind="length"
        )
    for at, character in enumerate(text):
        if character == "\0" or "\ud800" <= character <= "\udfff":
            raise ParseError(text, at, "this character can stand in no text", kind="sign")


@cache
def _lark() -> Lark:
    from lark import Lark

    grammar = files(__package__).joinpath("grammar.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", lexer="basic", postlex=_Guard())


class _Guard:
    """Watches the words go by, and stops a filter that nests too deep or says too much.

    A database that is handed one gives up with an error of its own, or works for very long.
    """

    always_accept = ()

    def process(self, stream: Iterator[Token]) -> Iterator[Token]:
        """The words as they are. Raises Unreadable at the first one that is too much."""
        opened: list[int] = []
        depth = waiting = claims = values = 0
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
            claims += token.type in ("AND", "OR")
            values += token.type == "COMMA"
            _bound(token, depth, MAX_DEPTH, "it nests deeper than {} levels")
            _bound(token, claims, MAX_CLAIMS - 1, "it has more than 300 claims")
            _bound(token, values, MAX_VALUES, "its lists have more than {:,} values")
            yield token


def _bound(token: Token, count: int, most: int, words: str) -> None:
    if count > most:
        before = " " * (token.start_pos or 0)
        raise ParseError(f"{before}{token}", len(before), words.format(most), kind="size")


def _explained(text: str, stuck: UnexpectedInput) -> ParseError:
    from lark.exceptions import UnexpectedToken

    if not isinstance(stuck, UnexpectedToken):
        return _strange(text, stuck.pos_in_stream or 0)
    token = stuck.token
    at = len(text.rstrip()) if token.type == "$END" else token.start_pos
    accepted = stuck.accepts
    if "NULL" in accepted:
        return ParseError(text, at, "expected NULL, NAN or NOT before one of them", kind="operator")
    if "SIGN" in accepted:
        words = "expected an operator such as =, >, LIKE, CONTAINS or IN"
        return ParseError(text, at, words, kind="operator")
    if "NUMBER" in accepted:
        return _no_value(text, at, token)
    if "NAME" in accepted:
        words = f"expected a comparison such as {EXAMPLE}"
        return ParseError(text, at, words, kind="comparison")
    if "AND" in accepted:
        closing = " or )" if "RPAR" in accepted else ""
        return ParseError(text, at, f"expected AND, OR{closing} or the end", kind="joiner")
    return _no_sign(text, at, accepted)


_SIGNS = {  # by what alone could follow
    "COMMA": "a comma or the ) of the list",
    "LPAR": "a list such as ('a', 'b')",
    "RPAR": "AND, OR or a closing )",
    "IN": "IN, LIKE, ILIKE or CONTAINS after NOT",
    "$END": "AND, OR or the end",
}


def _no_sign(text: str, at: int, accepted: set[str]) -> ParseError:
    words = next((words for name, words in _SIGNS.items() if name in accepted), "something else")
    return ParseError(text, at, f"expected {words}", kind="sign")


def _no_value(text: str, at: int, token: Token) -> ParseError:
    if token.type == "NAME":
        words = f"a text stands in quotes, as in {quoted(str(token)[:SHOWN])}"
        return ParseError(text, at, words, kind="unquoted")
    if token.type == "LPAR":
        return ParseError(text, at, "one value is expected; a list goes with IN", kind="value")
    words = "expected a value: a number, a text in quotes, a span such as 2h, or now - 7d"
    return ParseError(text, at, words, kind="value")


def _strange(text: str, at: int) -> ParseError:
    sign = text[at]
    if sign in "'\"`":
        return ParseError(text, at, f"the quote {sign} is never closed", kind="quote")
    if sign.isdigit() or sign in ".+-":
        words = "this is neither a number nor a span such as 30s, 5m, 2h, 7d or 1w"
        return ParseError(text, at, words, kind="value")
    if sign in OTHER_WORDS:
        return ParseError(text, at, f"{sign!r} means nothing here; try {OTHER_WORDS[sign]}")
    return ParseError(text, at, f"{sign!r} means nothing here")


class _Reader:
    """Makes our tree of the parser's; `_Guard` has made sure that it is not deep."""

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
            value = _unquoted(token) if token[0] in "'\"`" else str(token)
            return Comparison(TEXT, CONTAINS, value, self._place(token, token), bare=True)
        return self._claim(node)

    def _claim(self, node: Any) -> Comparison:
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
        given = end if node.data != "listed" else operators[-1]
        place = self._place(first, end, given)
        return Comparison(field, _operator(operators), value, place, raw)

    def _place(self, first: Token, last: Token, value: Token | None = None) -> Position:
        start, end = first.start_pos or 0, last.end_pos or 0
        return Position(start + 1, self._text[start:end], ((value or first).start_pos or 0) + 1)

    def _field(self, node: Any) -> tuple[FieldReference, Token]:
        token = node.children[-1]
        found = named(str(token))
        if not found.key:
            raise ParseError(self._text, token.start_pos, "a key is expected after the dot")
        if node.data == "name":
            return found, token
        return FieldReference(found.entity, found.key, node.children[0].lower()), node.children[0]

    def _value(self, token: Token) -> Single:
        try:
            value: Single = _VALUES[token.type](token)
        except (OverflowError, ValueError):  # or more digits than Python reads
            words = "this span is longer than time itself"
            raise ParseError(self._text, token.start_pos or 0, words) from None
        return value


def _operator(tokens: Sequence[Token]) -> str:
    word = " ".join(token.upper() for token in tokens)
    return {"==": "=", "<>": "!="}.get(word, word)


def named(text: str) -> FieldReference:
    """The field of a name as filters write it: `metrics.auc`, ``tags.`a b` ``, `name`."""
    if text[:1] in '`"':
        return FieldReference("", _unquoted(text))
    entity, dot, key = text.partition(".")
    return FieldReference(entity, _unquoted(key)) if dot else FieldReference("", entity)


def _unquoted(text: str) -> str:
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
    "SINGLE": _unquoted,
    "DOUBLE": _unquoted,
    "NUMBER": float,
    "SPAN": _span,
    "NOW": _now,
}


def write(tree: Tree) -> str:
    """The tree as canonical text: `parse` makes an equal tree of it."""
    if isinstance(tree, Comparison):
        return _written(tree)
    if isinstance(tree, Not):
        return f"NOT {_inside(tree.part, (And, Or))}"
    if isinstance(tree, And):
        return " AND ".join(_inside(part, (And, Or)) for part in tree.parts)
    return " OR ".join(_inside(part, (Or,)) for part in tree.parts)


def of(joiner: str, claims: Sequence[Comparison]) -> str:
    """Claims joined by AND or OR as canonical text; the other way round, see `simple`."""
    parts = tuple(claims)
    if len(parts) == 1:
        return write(parts[0])
    return write(JOINERS[joiner](parts))


def _inside(tree: Tree, enclosed: tuple[type[Tree], ...]) -> str:
    return f"({write(tree)})" if isinstance(tree, enclosed) else write(tree)


def _written(claim: Comparison) -> str:
    if claim.field == TEXT and claim.operator == CONTAINS and isinstance(claim.value, str):
        return quoted(claim.value)
    name = written_name(claim.field)
    if claim.value is None:
        return f"{name} {claim.operator}"
    return f"{name} {claim.operator} {_written_value(claim.value)}"


def written_name(field: FieldReference) -> str:
    """A field as filters write it; keys that are no plain word stand in backticks."""
    if field.part:
        return f"{field.part}({written_name(replace(field, part=''))})"
    if field.entity:
        plain = PLAIN_KEY.fullmatch(field.key)
        return f"{field.entity}.{field.key if plain else quoted(field.key, '`')}"
    plain = PLAIN_NAME.fullmatch(field.key)
    if plain and not RESERVED.fullmatch(field.key):
        return field.key
    return quoted(field.key, "`")


def _written_value(value: Value) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(_written_value(each) for each in value)})"
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, timedelta):
        return _written_span(value)
    assert isinstance(value, Now)
    if not value.moved:
        return "now"
    sign = "-" if value.moved < timedelta() else "+"
    return f"now {sign} {_written_span(abs(value.moved))}"


def _written_span(span: timedelta) -> str:
    """In the largest unit that divides it; not in weeks, which people count as days."""
    micros = span // timedelta(microseconds=1)
    for unit, seconds in SECONDS.items():
        if unit != "w" and micros % (seconds * 1_000_000) == 0:
            return f"{micros // (seconds * 1_000_000)}{unit}"
    return f"{micros // 1_000_000}.{micros % 1_000_000:06}s"


def quoted(text: str, quote: str = "'") -> str:
    """A text in quotes; a quote inside stands twice."""
    return quote + text.replace(quote, quote * 2) + quote
