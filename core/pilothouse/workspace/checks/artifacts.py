"""Artifacts: the bytes of every one, and every one that a row names."""

from __future__ import annotations

from sqlalchemy import select

from pilothouse.storage import Store, Table
from pilothouse.storage.artifacts import DIGEST
from pilothouse.storage.tables import ARTIFACT
from pilothouse.workspace.checks import CheckVerdict, checks, verdict_of


@checks.register("artifacts")
def artifacts(store: Store) -> CheckVerdict:
    """Every artifact that is kept hashes to its name, and every one that is named is kept."""
    stored = set(store.artifacts.digests())
    named = named_digests(store)
    damaged = sorted(digest for digest in stored if not store.artifacts.is_sound(digest))
    missing = sorted(digest for digest in named if digest not in stored)
    sound = f"{len(stored)} artifacts, {len(damaged)} damaged, {len(missing)} missing"
    problems = [f"{digest[:12]}… is damaged" for digest in damaged]
    for digest in missing:
        what = "is missing" if DIGEST.fullmatch(digest) else "is not a digest"
        problems.append(f"{digest[:12]}… of {named[digest]} {what}")
    return verdict_of(sound, problems, damaged=damaged, missing=missing)


def named_digests(store: Store) -> dict[str, str]:
    """Every digest that a row names as an artifact, with its table: a fingerprint is none."""
    named: dict[str, str] = {}
    with store.read() as session:
        for table in Table.metadata.sorted_tables:
            for column in table.columns:
                if column.info.get(ARTIFACT):
                    query = select(column).where(column.is_not(None), column != "").distinct()
                    named |= {str(row[0]): table.name for row in session.execute(query)}
    return named
