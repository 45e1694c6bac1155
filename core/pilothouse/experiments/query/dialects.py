"""What SQLite and PostgreSQL say differently: patterns, and the parts of a text.

Each construct carries the values for both databases; the one that speaks takes its own.
"""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import Boolean, ColumnElement, SQLColumnExpression, String, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from pilothouse.kit.regex_automaton import pattern

Condition = ColumnElement[bool]


class _Like(FunctionElement[bool]):
    """LIKE that minds upper and lower case and knows no escape; on SQLite only GLOB does."""

    name = "pilothouse_like"
    type = Boolean()
    inherit_cache = True


class _Folded(FunctionElement[bool]):
    """LIKE that does not mind upper and lower case, without an escape."""

    name = "pilothouse_ilike"
    type = Boolean()
    inherit_cache = True


class _Matches(FunctionElement[bool]):
    """A regular expression, found somewhere in a text."""

    name = "pilothouse_matches"
    type = Boolean()
    inherit_cache = True


class _Before(FunctionElement[str]):
    """What stands before the first of a character, or the whole text."""

    name = "pilothouse_before"
    type = String()
    inherit_cache = True


def like(column: SQLColumnExpression[Any], pattern: str) -> Condition:
    """LIKE that minds upper and lower case on every database."""
    glob = re.sub(r"[*?\[]", lambda sign: f"[{sign[0]}]", pattern)
    glob = glob.replace("%", "*").replace("_", "?")
    return _Like(column, literal(pattern), literal(glob))


def ilike(column: SQLColumnExpression[Any], pattern: str) -> Condition:
    """LIKE that does not mind upper and lower case."""
    return _Folded(column, literal(pattern))


def matches(column: SQLColumnExpression[Any], text: str) -> Condition:
    """Whether a regular expression is found in a text. Raises Invalid when it cannot be read."""
    return _Matches(column, literal(text), literal(pattern(text).posix))


def before(column: SQLColumnExpression[Any], character: str) -> ColumnElement[str]:
    """The part of a text before a character: `flights` of `flights@2`."""
    return _Before(column, literal(character))


def _parts(element: FunctionElement[Any], compiler: SQLCompiler, **options: Any) -> list[str]:
    return [compiler.process(part, **options) for part in element.clauses]


@compiles(_Like, "sqlite")
def _like_sqlite(element: _Like, compiler: SQLCompiler, **options: Any) -> str:
    column, _, glob = element.clauses
    return f"({compiler.process(column, **options)} GLOB {compiler.process(glob, **options)})"


@compiles(_Like, "postgresql")
def _like_postgresql(element: _Like, compiler: SQLCompiler, **options: Any) -> str:
    column, pattern, _ = element.clauses
    parts = compiler.process(column, **options), compiler.process(pattern, **options)
    return f"({parts[0]} LIKE {parts[1]} ESCAPE '')"


@compiles(_Folded, "sqlite")
def _ilike_sqlite(element: _Folded, compiler: SQLCompiler, **options: Any) -> str:
    column, pattern = _parts(element, compiler, **options)
    return f"({column} LIKE {pattern})"


@compiles(_Folded, "postgresql")
def _ilike_postgresql(element: _Folded, compiler: SQLCompiler, **options: Any) -> str:
    column, pattern = _parts(element, compiler, **options)
    return f"({column} ILIKE {pattern} ESCAPE '')"


@compiles(_Matches, "sqlite")
def _matches_sqlite(element: _Matches, compiler: SQLCompiler, **options: Any) -> str:
    column, text, _ = element.clauses
    return f"({compiler.process(column, **options)} REGEXP {compiler.process(text, **options)})"


@compiles(_Matches, "postgresql")
def _matches_postgresql(element: _Matches, compiler: SQLCompiler, **options: Any) -> str:
    column, _, posix = element.clauses
    return f"({compiler.process(column, **options)} ~ {compiler.process(posix, **options)})"


@compiles(_Before, "sqlite")
def _before_sqlite(element: _Before, compiler: SQLCompiler, **options: Any) -> str:
    column, sign = _parts(element, compiler, **options)
    return f"substr({column}, 1, instr({column} || {sign}, {sign}) - 1)"


@compiles(_Before, "postgresql")
def _before_postgresql(element: _Before, compiler: SQLCompiler, **options: Any) -> str:
    column, sign = _parts(element, compiler, **options)
    return f"split_part({column}, {sign}, 1)"
