"""The filter language: text to a tree, with MLflow's words for what cannot be read.

    filter     = either
    either     = both { OR both }
    both       = claim { AND claim }
    claim      = NOT claim | "(" either ")" | comparison
    comparison = identifier operator value | identifier IS [NOT] NULL

MLflow itself reads only comparisons joined by AND; the rest goes beyond it. Nothing is evaluated:
a tree becomes parameterised SQL (`clauses`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from pilothouse.interop.mlflow.errors import invalid

DEEPEST = 50
TOKEN = re.compile(
    r"""\s*(?:
      (?P<name>[A-Za-z_][\w]*\.(?:`[^`]*`|"[^"]*"|[\w./:-]+) | `[^`]*` | [A-Za-z_][\w./:-]*)
    | (?P<text>'(?:[^']|'')*' | "[^"]*")
    | (?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)
    | (?P<sign><=|>=|!=|<>|==|=|<|>|\(|\)|,)
    )""",
    re.VERBOSE,
)
OPERATORS = {"=", "!=", ">", ">=", "<", "<=", "LIKE", "ILIKE", "IN", "NOT IN"}
RESERVED = {"AND", "OR", "NOT", "IN", "IS", "NULL", "LIKE", "ILIKE"}
Value = str | float | tuple[str, ...] | None


@dataclass(frozen=True)
class Comparison:
    """One claim: the identifier's entity and key, an operator, and a value as given."""

    entity: str
    key: str
    operator: str
    value: Value
    raw: str


@dataclass(frozen=True)
class Both:
    """Every part holds."""

    parts: tuple[Tree, ...]


@dataclass(frozen=True)
class Either:
    """At least one part holds."""

    parts: tuple[Tree, ...]


@dataclass(frozen=True)
class Not:
    """The part does not hold."""

    part: Tree


Tree = Comparison | Both | Either | Not


@dataclass(frozen=True)
class Token:
    """A piece of the text; `kind` is the group of `TOKEN` that it matched."""

    kind: str
    text: str

    def is_word(self, *words: str) -> bool:
        """Whether it is one of these keywords."""
        return self.kind == "name" and self.text.upper() in words


def parse(text: str) -> Tree | None:
    """The tree of a filter, None of an empty one. Raises with the words that cannot be read."""
    if not text:
        return None
    tokens = _tokens(text)
    if not tokens:
        raise invalid(f"Invalid filter '{text}'. Could not be parsed.")
    return _Parser(text, tokens).whole()


def _tokens(text: str) -> list[Token]:
    tokens, place = [], 0
    while text[place:].strip():
        found = TOKEN.match(text, place)
        if found is None or found.lastgroup is None:
            raise _unreadable(text[place:].strip())
        tokens.append(Token(found.lastgroup, found[found.lastgroup]))
        place = found.end()
    return tokens


def _unreadable(words: str) -> Exception:
    return invalid(f"Invalid clause(s) in filter string: '{words[:200]}'")


class _Parser:
    def __init__(self, text: str, tokens: list[Token]) -> None:
        self._text = text
        self._tokens = tokens
        self._place = 0
        self._depth = 0

    def whole(self) -> Tree:
        tree = self._either()
        if self._place < len(self._tokens):
            raise self._stuck()
        return tree

    def _peek(self) -> Token:
        return self._tokens[self._place] if self._place < len(self._tokens) else Token("end", "")

    def _take(self) -> Token:
        token = self._peek()
        self._place += 1
        return token

    def _stuck(self, back: int = 0) -> Exception:
        rest = self._tokens[max(self._place - back, 0) :]
        return _unreadable(" ".join(token.text for token in rest) or self._text)

    def _either(self) -> Tree:
        parts = self._joined(self._both, "OR")
        return parts[0] if len(parts) == 1 else Either(parts)

    def _both(self) -> Tree:
        parts = self._joined(self._claim, "AND")
        return parts[0] if len(parts) == 1 else Both(parts)

    def _joined(self, part: Callable[[], Tree], word: str) -> tuple[Tree, ...]:
        parts = [part()]
        while self._peek().is_word(word):
            self._take()
            parts.append(part())
        return tuple(parts)

    def _claim(self) -> Tree:
        self._depth += 1
        if self._depth > DEEPEST:
            raise invalid(f"Invalid filter: it nests deeper than {DEEPEST} levels.")
        try:
            return self._claim_inside()
        finally:
            self._depth -= 1

    def _claim_inside(self) -> Tree:
        if self._peek().is_word("NOT"):
            self._take()
            return Not(self._claim())
        if self._peek().text == "(":
            self._take()
            tree = self._either()
            if self._take().text != ")":
                raise self._stuck(back=1)
            return tree
        return self._comparison()

    def _comparison(self) -> Comparison:
        start = self._place
        name = self._take()
        if name.kind not in ("name", "text") or name.is_word(*RESERVED):
            raise self._stuck(back=1)
        entity, key = identifier(name.text)
        operator = self._operator(start)
        if operator in ("IS NULL", "IS NOT NULL"):
            return Comparison(entity, key, operator, None, operator)
        value, raw = self._value(start)
        return Comparison(entity, key, operator, value, raw)

    def _operator(self, start: int) -> str:
        token = self._take()
        word = token.text.upper()
        if word == "IS":
            negated = self._peek().is_word("NOT")
            self._place += negated
            if self._take().is_word("NULL"):
                return "IS NOT NULL" if negated else "IS NULL"
        elif word == "NOT" and self._take().is_word("IN"):
            return "NOT IN"
        elif word in OPERATORS:
            return word
        elif word in ("==", "<>"):
            return "=" if word == "==" else "!="
        self._place = start
        raise self._stuck()

    def _value(self, start: int) -> tuple[Value, str]:
        token = self._take()
        if token.kind == "text":
            return unquoted(token.text), token.text
        if token.kind == "number":
            return float(token.text), token.text
        if token.text == "(":
            return self._list()
        if token.kind == "name" and not token.is_word(*RESERVED):
            raise invalid(
                "Parameter value is either not quoted or unidentified quote types used for "
                f"string value {token.text}. Use either single or double quotes."
            )
        self._place = start
        raise self._stuck()

    def _list(self) -> tuple[Value, str]:
        found: list[Token] = []
        while (token := self._take()).text != ")":
            if token.kind not in ("text", "number") and token.text != ",":
                raise self._stuck(back=1)
            if token.text != ",":
                found.append(token)
        raw = f"({', '.join(token.text for token in found)})"
        if not found:
            raise invalid(
                "While parsing a list in the query, expected a non-empty list of string values, "
                "but got empty list"
            )
        if any(token.kind != "text" for token in found):
            raise invalid(
                "While parsing a list in the query, expected string value, punctuation, or "
                f"whitespace, but got different type in list: {raw}"
            )
        return tuple(unquoted(token.text) for token in found), raw


def identifier(text: str) -> tuple[str, str]:
    """Entity and key of an identifier; without a dot the entity is an attribute."""
    if text[:1] in "`\"'":
        return "attribute", unquoted(text)
    entity, dot, key = text.partition(".")
    return (entity, unquoted(key)) if dot else ("attribute", entity)


def unquoted(text: str) -> str:
    """A text without the quotes around it."""
    if len(text) < 2 or text[0] not in "`\"'" or text[-1] != text[0]:
        return text
    inner = text[1:-1]
    return inner.replace("''", "'") if text[0] == "'" else inner
