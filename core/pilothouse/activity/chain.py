"""The hash chain of the audit log: each entry's hash covers its content and the hash before it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import ORMExecuteState, SessionTransaction
from sqlmodel import Session, col, select, text

from pilothouse.activity import anchor, seals
from pilothouse.activity.anchor import Anchor
from pilothouse.activity.tables import ActivityEntry
from pilothouse.kit.clock import EPOCH
from pilothouse.storage import Store
from pilothouse.storage.store import WRITER

GENESIS = "0" * 64
LOCK = 7_421_001
RECORDED = "entries of this transaction"
NEWEST = "newest entry of this transaction"
HEAD = "head of the log at commit"
ANCHOR_RESET = "the log was emptied"
SAVEPOINT_ROLLED_BACK = "a savepoint was rolled back"
SAVEPOINTS = "rows that were marked before each savepoint"
UNREADABLE = (ValueError, TypeError, OverflowError)  # what reading JSON or an instant can raise
Listener = Callable[[Session, Store, ActivityEntry], None]
_listeners: dict[str, Listener] = {}


@dataclass(frozen=True)
class ChainState:
    """The result of verifying the whole chain."""

    intact: bool
    entries: int
    broken_at: int | None
    message: str


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
    entry = _append(session, store, verb, kind, ref, name, before, after, reason)
    for listener in _listeners.values():
        listener(session, store, entry)
    return entry.seq or 0


def _append(
    session: Session,
    store: Store,
    verb: str,
    kind: str,
    ref: str,
    name: str = "",
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str = "",
) -> ActivityEntry:
    last, last_hash = _newest_entry(session)
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

    session.info.setdefault(RECORDED, set()).add(last + 1)
    session.info[NEWEST] = (last + 1, entry.hash)
    return entry


def subscribe(name: str, listener: Listener) -> None:
    """Call a listener with every new entry, in the transaction that writes it.

    What the listener writes is committed or rolled back with the change; a name is registered once.
    Layers above the log use it to react to commands of any room, without an import upwards.
    """
    _listeners[name] = listener


def verify(session: Session, anchors: Sequence[Anchor] = ()) -> ChainState:
    """Walk the chain from its first entry and say where it breaks, if it does.

    `anchors` were read before the session's snapshot, see `anchor.py`.
    """
    hashes: list[str] = []
    previous = GENESIS

    try:
        for entry in entries(session):
            number = len(hashes) + 1
            if problem := _problem(entry, number, previous):
                return ChainState(False, number, number, f"entry {number} {problem}")
            previous = entry.hash
            hashes.append(previous)
    except UNREADABLE:
        number = len(hashes) + 1
        return ChainState(False, len(hashes), number, f"an entry from {number} on cannot be read")

    if message := anchor.mismatch(anchors, hashes):
        return ChainState(False, len(hashes), None, message)
    return ChainState(True, len(hashes), None, f"{len(hashes)} entries, unbroken")


def verify_newest(store: Store, count: int) -> ChainState:
    """Verify the newest `count` entries, and that the newest one agrees with the anchor.

    For pages that must answer soon: a change of an older entry is not noticed. `entries` is how
    many the log has.
    """
    try:
        anchors = anchor.read(store.folder) or ()
    except ValueError as broken:
        return ChainState(False, 0, None, f"{broken}; it lies in {anchor.FILE}")
    with store.read() as session:
        query = select(ActivityEntry).order_by(col(ActivityEntry.seq).desc()).limit(count)
        try:
            newest = session.exec(query).all()[::-1]
        except UNREADABLE:
            return ChainState(False, 0, None, "one of the newest entries cannot be read")
    last = (newest[-1].seq or 0) if newest else 0
    if problem := _newest_problem(newest, anchors, last):
        return ChainState(False, last, None, problem)
    return ChainState(True, last, None, f"the newest {len(newest):,} of {last:,} entries, unbroken")


def _newest_problem(newest: Sequence[ActivityEntry], anchors: Sequence[Anchor], last: int) -> str:
    """What is wrong with the newest entries; empty when nothing is."""
    first = (newest[0].seq or 0) if newest else 1
    hashes = {entry.seq: entry.hash for entry in newest}
    previous = newest[0].previous_hash if newest else GENESIS
    for number, entry in enumerate(newest, first):
        if problem := _problem(entry, number, previous):
            return f"entry {number} {problem}"
        previous = entry.hash
    for head in anchors:
        if head.entries > last:
            return f"the newest {head.entries - last} entries are missing"
        if hashes.get(head.entries, head.hash) != head.hash:
            return f"entry {head.entries} is not the one that the anchor beside the database says"
    return ""


def verify_anchored(store: Store) -> ChainState:
    """Verify the chain against the anchor in the workspace's folder."""
    try:
        anchors = anchor.read(store.folder)  # first: it may be behind the log, never ahead of it
    except ValueError as broken:
        return ChainState(False, 0, None, f"{broken}; it lies in {anchor.FILE}")
    with store.read() as session:
        state = verify(session, anchors or ())
    if anchors is None and state.intact and state.entries and store.is_sqlite:
        message = f"its anchor {anchor.FILE} beside the database is missing"
        return ChainState(False, state.entries, None, message)
    return state


def entries(session: Session) -> Iterator[Any]:
    """The columns of every entry, in their order, read a part at a time.

    PERF: as rows, because an object of each entry costs more than its hash.
    """
    table = ActivityEntry.__table__  # type: ignore[attr-defined]
    query = table.select().order_by(table.c.seq)
    yield from session.execute(query.execution_options(yield_per=2_000))


def _problem(entry: Any, number: int, previous: str) -> str:
    """What is wrong with the entry at this place in the chain; empty when nothing is."""
    if entry.seq != number:
        return "is missing"
    if entry.previous_hash != previous:
        return "does not follow its predecessor"
    return "" if entry.hash == _hash(entry) else "was changed after it was written"


def _newest_entry(session: Session) -> tuple[int, str]:
    """The newest entry's number and hash, read under a lock that SQLite's writer holds anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
    newest = select(ActivityEntry.seq, ActivityEntry.hash).order_by(col(ActivityEntry.seq).desc())
    row = session.exec(newest.limit(1)).first()
    return (row[0] or 0, row[1]) if row else (0, GENESIS)


def _as_stored(values: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The values as the database will give them back: JSON has no tuples, and its keys are text."""
    if values is None:
        return None
    stored: dict[str, Any] = json.loads(json.dumps(dict(values)))
    return stored


def hashed_text(entry: Any) -> str:
    """What an entry's hash is of: its content and the hash before it, as one JSON list."""
    values = [
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

    if entry.seals is not None:  # entries of before there were seals have none to cover
        values.append(entry.seals)

    return json.dumps(values, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _hash(entry: Any) -> str:
    """The hash of an entry, or of its row."""
    return hashlib.sha256(hashed_text(entry).encode()).hexdigest()


def seal_all(session: Session, store: Store) -> None:
    """Seal every row whose seal is missing or differs: after an upgrade, which may change rows."""
    latest = latest_seals(session)
    connection = session.connection()

    missing: seals.Seals = {}
    for table in seals.sealed_tables():
        name = str(table.__tablename__)
        sealed = latest.get(name, {})
        rows = seals.hash_table(connection, table)
        differing = {key: hashed for key, hashed in rows.items() if sealed.get(key) != hashed}
        if differing:
            missing[name] = dict(differing)

    if missing:
        entry = _append(session, store, "sealed", "workspace", store.folder.name)
        _attach_seals(session, entry, missing)


def latest_seals(session: Session) -> seals.Seals:
    """The newest seal of every row that has one."""
    latest: seals.Seals = {}
    query = select(ActivityEntry.seals).where(col(ActivityEntry.seals).is_not(None))
    for value in session.exec(query.order_by(col(ActivityEntry.seq))):
        for name, of_table in (value or {}).items():
            latest.setdefault(name, {}).update(of_table)
    return latest


def reset_anchor(session: Session) -> None:
    """The log is emptied on purpose in this transaction: its anchor begins again with it."""
    session.info[ANCHOR_RESET] = True


def _attach_seals(session: Session, entry: ActivityEntry, values: seals.Seals) -> None:
    """Put seals into an entry of this transaction that nobody has seen and nothing follows yet."""
    entry.seals = values
    entry.hash = _hash(entry)
    session.add(entry)
    session.flush()
    session.info[NEWEST] = (entry.seq, entry.hash)


@event.listens_for(Session, "after_flush")
def _flushed(session: Session, _context: Any) -> None:
    if WRITER in session.info:
        seals.mark_flushed_rows(session)


@event.listens_for(Session, "do_orm_execute")
def _executed(state: ORMExecuteState) -> None:
    if WRITER in state.session.info and (state.is_insert or state.is_update or state.is_delete):
        seals.mark_statement(state)


@event.listens_for(Session, "before_commit")
def _before_commit(session: Session) -> None:
    """Seal what this transaction has changed, and note the head of the log for the anchor.

    A session writes one transaction, so nothing marked outlives one that is rolled back.
    """
    store = session.info.get(WRITER)
    if store is None or session.in_nested_transaction():
        return

    session.flush()
    recorded = session.info.pop(RECORDED, set())
    if recorded and session.info.pop(SAVEPOINT_ROLLED_BACK, False):
        session.info[NEWEST] = _newest_entry(session)

    if session.info.get(seals.PENDING):
        values = seals.take_pending(session)
        newest, _ = session.info.get(NEWEST, (0, ""))
        if newest in recorded:
            entry = session.get_one(ActivityEntry, newest)
        else:
            entry = _append(session, store, "changed", "record", ", ".join(sorted(values)))
        _attach_seals(session, entry, values)

    if NEWEST in session.info:  # a savepoint is committed too, and anchors nothing
        session.info[HEAD] = session.info.pop(NEWEST)


@event.listens_for(Session, "after_transaction_create")
def _savepoint_begun(session: Session, transaction: SessionTransaction) -> None:
    if transaction.nested and WRITER in session.info:
        session.info.setdefault(SAVEPOINTS, {})[id(transaction)] = seals.marked_rows(session)


@event.listens_for(Session, "after_soft_rollback")
def _savepoint_rolled_back(session: Session, transaction: SessionTransaction) -> None:
    """What a savepoint took back was not written: nothing of it is sealed."""
    before = session.info.get(SAVEPOINTS, {}).get(id(transaction))
    if transaction.nested and before is not None:
        session.info[seals.PENDING] = before


@event.listens_for(Session, "after_transaction_end")
def _savepoint_ended(session: Session, transaction: SessionTransaction) -> None:
    session.info.get(SAVEPOINTS, {}).pop(id(transaction), None)


@event.listens_for(Session, "after_rollback")
def _after_rollback(session: Session) -> None:
    """A savepoint may have taken entries back: which one is the newest must be asked again."""
    session.info[SAVEPOINT_ROLLED_BACK] = True


@event.listens_for(Session, "after_commit")
def _after_commit(session: Session) -> None:
    head = session.info.pop(HEAD, None)
    if head is None:
        return
    store: Store = session.info[WRITER]
    if session.info.pop(ANCHOR_RESET, False):
        anchor.remove(store.folder)
    anchor.append(store.folder, Anchor(*head))
