"""Whether the records and files that a promotion rests on are as commands left them.

A promotion is a decision on evidence. Where a row of the registry, the dataset version, the file
of the model or the audit log itself was changed past the product, the evidence is worth nothing,
and nobody can promote on it. `pilothouse doctor` looks at everything; this looks at one version.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import and_
from sqlmodel import Session, col

from pilothouse.activity.chain import verify_anchored
from pilothouse.activity.sealed_rows import SealedRows, unsealed_changes
from pilothouse.activity.seals import key_columns, sealed_tables
from pilothouse.data import versions as data_versions
from pilothouse.data.tables import DatasetVersion
from pilothouse.experiments.tables import Hold, WrittenModel
from pilothouse.kit.errors import NotFound, Refused
from pilothouse.registry.info import VersionInfo
from pilothouse.registry.tables import Model
from pilothouse.storage import Store
from pilothouse.storage.tables import Table

ROOM = "pilothouse.registry."
MAX_NAMED = 3


def require_sound(store: Store, version: VersionInfo) -> None:
    """Raises Refused when something that a promotion of the version rests on was tampered with."""
    problems = find_problems(store, version)
    if not problems:
        return
    named = "; ".join(problems[:MAX_NAMED])
    more = len(problems) - MAX_NAMED
    raise Refused(
        f"{version.ref} cannot be promoted, for records that it rests on are not as a command "
        f"left them: {named}{f'; and {more} more' if more > 0 else ''}.",
        hint="`pilothouse doctor` names everything. Restore the workspace from a backup.",
    )


def find_problems(store: Store, version: VersionInfo) -> list[str]:
    """What was tampered with or damaged among what a version rests on, a line each."""
    chain = verify_anchored(store)
    problems = [] if chain.intact else [f"the audit log: {chain.message}"]
    with store.read() as session:
        problems += unsealed_changes(session, _rows(version))
        digests = {"model file": version.digest} | _dataset_digest(session, version)
    # A file that is gone is said to be missing where it is read.
    stored = {what: digest for what, digest in digests.items() if store.artifacts.exists(digest)}
    damaged = [what for what, digest in stored.items() if not store.artifacts.is_sound(digest)]
    return problems + [f"the {what} is damaged" for what in damaged]


def _rows(version: VersionInfo) -> Iterator[SealedRows]:
    """The registry's rows of the model, and what the version was made from."""
    for table in sealed_tables():
        if table.__module__.startswith(ROOM):
            yield _of_model(table, version.model)

    yield SealedRows(
        Hold, col(Hold.version) == version.ref, lambda key: bool(key[1] == version.ref)
    )
    yield SealedRows(
        WrittenModel,
        col(WrittenModel.digest) == version.digest,
        lambda key: bool(key[0] == version.digest),
    )

    name, _, number = version.dataset.rpartition("@")
    if name and number.isdigit():
        of_version = and_(
            col(DatasetVersion.dataset) == name, col(DatasetVersion.version) == int(number)
        )
        yield SealedRows(
            DatasetVersion, of_version, lambda key: [str(part) for part in key] == [name, number]
        )


def _of_model(table: type[Table], model: str) -> SealedRows:
    """The table's rows of a model; every row where a table is not kept by model.

    Of a row that is gone and whose key does not have the model, nobody can say whose it was.
    """
    columns = table.__table__.columns  # type: ignore[attr-defined]  # SQLModel gives it
    name = "name" if table is Model else "model"
    if name not in columns:
        return SealedRows(table)

    keys = key_columns(table)
    if name not in keys:
        return SealedRows(table, columns[name] == model)
    position = keys.index(name)
    return SealedRows(table, columns[name] == model, lambda key: bool(key[position] == model))


def _dataset_digest(session: Session, version: VersionInfo) -> dict[str, str]:
    try:
        return {"content of its dataset": data_versions.row(session, version.dataset).digest}
    except NotFound:
        return {}
