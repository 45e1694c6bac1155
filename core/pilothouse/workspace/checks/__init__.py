"""Checks of a workspace: what `pilothouse doctor` asks. One module looks at one kind of thing.

A check only reads. It gets the store and returns a verdict whose message names what is wrong;
errors of the database, of the disk and of Pilothouse become the message by themselves.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from pilothouse.activity.chain import UNREADABLE
from pilothouse.kit.errors import PilothouseError
from pilothouse.kit.plugins import Plugins
from pilothouse.storage import Store

FIRST = ("database", "schema")  # of a database that is broken or unknown nothing else can be asked
MAX_NAMED = 5
MAX_LISTED = 100


@dataclass(frozen=True)
class CheckVerdict:
    """Whether something is sound, with a message for people and details for programs."""

    ok: bool
    message: str
    details: Mapping[str, Any] = field(default_factory=dict)


Check = Callable[[Store], CheckVerdict]
checks: Plugins[Check] = Plugins(__name__, "check")


def verdict_of(sound: str, problems: Sequence[str], **details: Any) -> CheckVerdict:
    """Sound when there are no problems; the message names the first of them, details list more."""
    if not problems:
        return CheckVerdict(True, sound, details)
    message = "; ".join(problems[:MAX_NAMED])
    if len(problems) > MAX_NAMED:
        message += f"; and {len(problems) - MAX_NAMED} more"
    return CheckVerdict(
        False, f"{message} ({sound})", {"problems": list(problems[:MAX_LISTED]), **details}
    )


def run_all(store: Store) -> dict[str, CheckVerdict]:
    """Every check's verdict by its name; after one of the first that fails, no more."""
    verdicts: dict[str, CheckVerdict] = {}
    for name in (*FIRST, *(name for name in checks.names() if name not in FIRST)):
        verdicts[name] = _run_check(checks.get(name), store)
        if not verdicts[name].ok and name in FIRST:
            break
    return verdicts


def _run_check(check: Check, store: Store) -> CheckVerdict:
    try:
        return check(store)
    except DBAPIError as broken:
        return CheckVerdict(False, f"{broken.orig}")
    except (PilothouseError, SQLAlchemyError, sqlite3.Error, OSError) as broken:
        return CheckVerdict(False, str(broken))
    except UNREADABLE as broken:
        return CheckVerdict(False, f"a value of the database cannot be read: {broken}")
