"""The chain: each entry's hash covers its words and the hash before it: none changes unseen."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlmodel import Session, col, select, text

from pilothouse.activity.tables import ActivityEntry
from pilothouse.kit.clock import EPOCH
from pilothouse.storage import Store

GENESIS = "0" * 64
LOCK = 7_421_001
Listener = Callable[[Session, Store, ActivityEntry], None]
_listeners: dict[str, Listener] = {}


@dataclass(frozen=True)
class ChainState:
    """What a walk over the whole chain found."""

    intact: bool
    entries: int
    broken_at: int | None
    words: str


def record(
    session: Session,
    store: Store,
    verb: str,
    kind: str,
    ref: str,
    *,
    name: str = "",
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str = "",
) -> int:
    """Append an entry in the caller's transaction and return its number in the log.

    `verb` is a past participle ("promoted"); `kind` and `ref` are the object's address.
    """
    last, last_hash = _newest(session)
    entry = ActivityEntry(
        seq=last + 1,
        at=store.now(),
        actor=store.actor,
        verb=verb,
        kind=kind,
        ref=ref,
        name=name or ref,
        before=_as_stored(before),
        after=_as_stored(after),
        reason=reason,
        previous_hash=last_hash,
        hash="",
    )
    entry.hash = _hash(entry)
    session.add(entry)
    session.flush()
    for listener in _listeners.values():
        listener(session, store, entry)
    return last + 1


def hear(name: str, listener: Listener) -> None:
    """Tell a listener of every entry from now on, in the transaction that writes it.

    What it writes is kept or lost with the change; a name listens once. Floors above the log use
    it to act on what any room did, without that room knowing of them.
    """
    _listeners[name] = listener


def verify(session: Session) -> ChainState:
    """Walk the chain from its first entry and say where it breaks, if it does."""
    previous, count = GENESIS, 0
    entries = select(ActivityEntry).order_by(col(ActivityEntry.seq))
    try:
        for entry in session.exec(entries.execution_options(yield_per=500)):
            count += 1
            if flaw := _flaw(entry, count, previous):
                return ChainState(False, count, count, f"entry {count} {flaw}")
            previous = entry.hash
    except (ValueError, TypeError, OverflowError):  # what reading JSON or an instant can raise
        return ChainState(False, count, count + 1, f"an entry from {count + 1} on cannot be read")
    return ChainState(True, count, None, f"{count} entries, unbroken")


def _flaw(entry: ActivityEntry, number: int, previous: str) -> str:
    """What is wrong with the entry at this place in the chain; empty when nothing is."""
    if entry.seq != number:
        return "is missing"
    if entry.previous_hash != previous:
        return "does not follow its predecessor"
    return "" if entry.hash == _hash(entry) else "was changed after it was written"


def _newest(session: Session) -> tuple[int, str]:
    """The newest entry's number and hash, read under a lock that SQLite's writer holds anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
    newest = select(ActivityEntry.seq, ActivityEntry.hash).order_by(col(ActivityEntry.seq).desc())
    found = session.exec(newest.limit(1)).first()
    return (found[0] or 0, found[1]) if found else (0, GENESIS)


def _as_stored(values: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The values as the database will give them back: JSON has no tuples, and its keys are text."""
    if values is None:
        return None
    stored: dict[str, Any] = json.loads(json.dumps(dict(values)))
    return stored


def _hash(entry: ActivityEntry) -> str:
    words = [
        entry.previous_hash,
        (entry.at - EPOCH) // timedelta(microseconds=1),
        entry.actor,
        entry.verb,
        entry.kind,
        entry.ref,
        entry.name,
        entry.before,
        entry.after,
        entry.reason,
    ]
    text_form = json.dumps(words, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(text_form.encode()).hexdigest()
