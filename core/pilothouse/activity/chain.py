"""The chain: each entry's hash covers its words and the hash before it, so no entry changes unseen."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, col, select, text

from pilothouse.activity.tables import ActivityEntry
from pilothouse.kit.clock import to_ms
from pilothouse.storage import Store

GENESIS = "0" * 64
LOCK = 7_421_001


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
    entry = ActivityEntry(
        at=store.now(),
        actor=store.actor,
        verb=verb,
        kind=kind,
        ref=ref,
        name=name or ref,
        before=dict(before) if before is not None else None,
        after=dict(after) if after is not None else None,
        reason=reason,
        previous_hash=_last_hash(session),
        hash="",
    )
    entry.hash = _hash(entry)
    session.add(entry)
    session.flush()
    return entry.seq or 0


def verify(session: Session) -> ChainState:
    """Walk the chain from its first entry and say where it breaks, if it does."""
    previous, count = GENESIS, 0
    for entry in session.exec(select(ActivityEntry).order_by(col(ActivityEntry.seq))):
        count += 1
        if entry.seq != count:
            return ChainState(False, count, count, f"entry {count} is missing")
        if entry.previous_hash != previous:
            return ChainState(
                False, count, entry.seq, f"entry {count} does not follow its predecessor"
            )
        if entry.hash != _hash(entry):
            return ChainState(
                False, count, entry.seq, f"entry {count} was changed after it was written"
            )
        previous = entry.hash
    return ChainState(True, count, None, f"{count} entries, unbroken")


def _last_hash(session: Session) -> str:
    """The newest hash, read under a lock that SQLite's writer holds anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
    newest = select(ActivityEntry.hash).order_by(col(ActivityEntry.seq).desc()).limit(1)
    return session.exec(newest).first() or GENESIS


def _hash(entry: ActivityEntry) -> str:
    words = [
        entry.previous_hash,
        to_ms(entry.at),
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
