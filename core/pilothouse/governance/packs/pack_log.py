"""The audit log of a pack: the whole chain, with the content of the entries that it is about.

An entry of the pack has the text that its hash is of, which begins with the hash before it. Of any
other entry there is only the hash: so a stranger sees that nothing was left out between, and
nothing of what is not theirs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from pilothouse.activity.chain import entries, hashed_text
from pilothouse.governance.packs.pack_archive import PackArchive
from pilothouse.governance.packs.pack_scope import PackScope

CHAIN, READABLE = "audit_log.jsonl", "audit_log.csv"
COLUMNS = ("seq", "at", "actor", "verb", "kind", "ref", "name", "reason", "before", "after", "hash")
OF_ALL = ("policy", "gate_policy", "stages")  # kinds that decide about every model


@dataclass(frozen=True)
class LogProof:
    """How long the log was, how many entries of it are in the pack whole, and its head's hash."""

    entries: int
    whole: int
    head: str


def write_log(
    session: Session, pack: PackArchive, scope: PackScope, objects: Collection[tuple[str, str]]
) -> LogProof:
    """Write the chain, and the entries of the pack as a table. `objects` are kinds with refs."""
    is_of_pack = _chooser(scope, set(objects))
    count = whole = 0
    head = ""

    def lines() -> Iterator[bytes]:
        nonlocal count, whole, head
        for entry in entries(session):
            count, head = entry.seq, entry.hash
            line: dict[str, Any] = {"seq": entry.seq, "hash": entry.hash}
            if is_of_pack(entry):
                line["hashed"] = hashed_text(entry)
                whole += 1
            yield json.dumps(line, ensure_ascii=False).encode() + b"\n"

    pack.stream(CHAIN, lines(), "the chain of the audit log, an entry a line")
    rows = (
        {name: getattr(entry, name) for name in COLUMNS}
        for entry in entries(session)
        if is_of_pack(entry)
    )
    pack.add_csv(READABLE, COLUMNS, rows, "the entries of this pack, for people")
    return LogProof(count, whole, head)


def _chooser(scope: PackScope, objects: set[tuple[str, str]]) -> Callable[[Any], bool]:
    """Whether an entry is of the pack: of its span, and about one of its objects."""

    def is_of_pack(entry: Any) -> bool:
        if scope.since and entry.at < scope.since:
            return False
        if scope.until and entry.at >= scope.until:
            return False
        return not scope.model or entry.kind in OF_ALL or (entry.kind, entry.ref) in objects

    return is_of_pack
