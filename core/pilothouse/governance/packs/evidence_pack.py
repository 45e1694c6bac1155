"""Making a pack: every section of its scope, the first page and the manifest, in one pass."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version as release
from pathlib import Path
from typing import Any

from sqlmodel import Session, col, select

from pilothouse.activity import record
from pilothouse.governance.packs.pack_archive import PackArchive
from pilothouse.governance.packs.pack_decisions import (
    write_promotions,
    write_rules,
    write_versions,
)
from pilothouse.governance.packs.pack_index import index_page
from pilothouse.governance.packs.pack_log import LogProof, write_log
from pilothouse.governance.packs.pack_operation import (
    deployments_of,
    write_datasets,
    write_minutes,
    write_operation,
)
from pilothouse.governance.packs.pack_scope import PackScope
from pilothouse.monitoring.tables import Alert
from pilothouse.registry.tables import ModelVersion
from pilothouse.storage import Store

MADE = "made an evidence pack of"
FORMAT = 1


@dataclass(frozen=True)
class PackInfo:
    """A pack that was made: where it is, how large, and the SHA-256 of its manifest."""

    path: Path
    title: str
    files: int
    bytes: int
    manifest: str


def make_pack(store: Store, scope: PackScope, path: Path) -> PackInfo:
    """Write the pack to a file, and an entry with its manifest's digest to the audit log.

    A file that is there is replaced once the pack is complete. Raises NotFound, Invalid.
    """
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    now = store.now()
    try:
        archive = PackArchive(partial, now)
        try:
            with store.read() as session:
                scope.check(session)
                log = _write(session, store, archive, scope)
            head = {"format": FORMAT, "title": scope.title, "made_at": now, "made_by": store.actor}
            head |= {"scope": scope, "program": f"Pilothouse {release('pilothouse')}", "log": log}
            digest = archive.close(head)
        except BaseException:
            archive.abandon()
            raise
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)

    files = len(archive.files)
    with store.write(durable=True) as session:
        after = {"manifest": digest, "files": files, "title": scope.title}
        ref = scope.ref or store.folder.name
        record(session, store, MADE, scope.kind, ref, after=after)
    return PackInfo(path, scope.title, files, path.stat().st_size, digest)


def _write(session: Session, store: Store, archive: PackArchive, scope: PackScope) -> LogProof:
    """Every section, and the first page at the end: it says what is there."""
    rows = scope.versions(session)
    promotions = write_promotions(session, archive, scope)
    write_rules(session, archive, scope)
    write_versions(session, store, archive, rows)
    datasets = write_datasets(session, store, archive, rows)
    counts = write_operation(session, archive, scope)
    decided = [row["decided_at"] for row in promotions]
    counts["minutes"] = write_minutes(session, store, archive, scope, decided)
    objects = _objects(session, scope, rows, promotions, datasets)
    log = write_log(session, archive, scope, objects)
    counts = {"versions": len(rows), "promotions": len(promotions), **counts, "entries": log.whole}
    page = index_page(scope.title, store.now(), store.actor, archive.files, promotions, counts, log)
    archive.add("index.html", page, "the first page")
    return log


def _objects(
    session: Session,
    scope: PackScope,
    rows: Sequence[ModelVersion],
    promotions: Sequence[dict[str, Any]],
    datasets: Sequence[str],
) -> set[tuple[str, str]]:
    """What entries of the audit log are of the pack about, by kind and ref."""
    if not scope.model:
        return set()
    names = deployments_of(session, scope)
    alerts = session.exec(select(Alert.id).where(col(Alert.deployment).in_(names)))
    return {
        ("model", scope.model),
        *(("version", f"{row.model}@{row.version}") for row in rows),
        *(("run", row.run_id) for row in rows if row.run_id),
        *(("promotion", row["id"]) for row in promotions),
        *(("dataset", ref) for ref in datasets),
        *(("deployment", name) for name in names),
        *(("alert", alert) for alert in alerts),
    }
