"""Rows compared with their seals: which were added, changed or deleted by no command."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement
from sqlmodel import Session

from pilothouse.activity import seals
from pilothouse.activity.chain import UNREADABLE, latest_seals
from pilothouse.storage.tables import Table


@dataclass(frozen=True)
class SealedRows:
    """Rows of a sealed table: those that `where` selects, all of them without it.

    `covers` says of the key of a row that is gone whether it was one of them.
    """

    table: type[Table]
    where: ColumnElement[bool] | None = None
    covers: Callable[[list[Any]], bool] = lambda _key: True

    @property
    def noun(self) -> str:
        """What one of these rows is called: the table's name without that of its room."""
        return str(self.table.__tablename__).partition("_")[2].replace("_", " ")


def unsealed_changes(session: Session, chosen: Iterable[SealedRows]) -> list[str]:
    """What is wrong with these rows, a line each; none when all are as a command left them."""
    latest = latest_seals(session)
    problems: list[str] = []

    for part in chosen:
        try:
            rows = seals.hash_table(session.connection(), part.table, part.where)
        except UNREADABLE as broken:
            problems.append(f"a row of {part.table.__tablename__} cannot be read: {broken}")
            continue
        sealed = latest.get(str(part.table.__tablename__), {})
        # Rows that were not selected are there all the same.
        others = set() if part.where is None else seals.existing_keys(session, part.table)
        expected = {
            key: hashed
            for key, hashed in sealed.items()
            if key in rows or (key not in others and part.covers(json.loads(key)))
        }
        problems += describe_differences(part.noun, rows, expected)

    return problems


def describe_differences(
    noun: str, rows: Mapping[str, str], sealed: Mapping[str, str | None]
) -> list[str]:
    """How rows differ from what was sealed of them; both are hashes by the text of the key."""
    problems = []
    for key, hashed in rows.items():
        if sealed.get(key) is None:
            problems.append(f"{noun} {_name(key)} was added by no command")
        elif sealed[key] != hashed:
            problems.append(f"{noun} {_name(key)} was changed by no command")
    missing = [key for key, hashed in sealed.items() if hashed is not None and key not in rows]
    return problems + [f"{noun} {_name(key)} was deleted by no command" for key in missing]


def _name(key: str) -> str:
    return "/".join(str(part) for part in json.loads(key))
