"""Baselines: the profile of a version's held-out rows, computed once, stored as an artifact.

It runs in child processes, which cache the profiles they have read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlmodel import Session

from pilothouse.experiments import details
from pilothouse.kit.errors import Conflict
from pilothouse.models.signature import Signature
from pilothouse.monitoring import tables
from pilothouse.monitoring.reference_profile import (
    ReferenceProfile,
    from_bytes,
    profile_reference,
    to_bytes,
)
from pilothouse.registry import versions
from pilothouse.storage import Store

if TYPE_CHECKING:
    import pandas as pd

PATH = "reference.parquet"
MAX_CACHED = 4
_profiles: dict[str, ReferenceProfile] = {}  # a cache by digest, which never becomes stale


@dataclass(frozen=True)
class Baseline:
    """A version's signature, and the profile that its windows are compared with."""

    signature: Signature
    profile: ReferenceProfile
    digest: str


def baseline(store: Store, model: str, version: int) -> Baseline:
    """The baseline of a version; its profile is computed the first time.

    Raises NotFound without the version, Conflict when it was imported without held-out rows.
    """
    with store.read() as session:
        signature, source = _source(session, model, version)
        row = session.get(tables.Reference, (model, version))
        stored = row.digest if row is not None and row.source == source else None
    digest = stored or _compute(store, model, version, signature, source)
    return Baseline(signature, _load(store, digest), digest)


def held_out(store: Store, model: str, version: int) -> pd.DataFrame:
    """The held-out rows of a version's run: features, `__target` and `__score`."""
    with store.read() as session:
        _, source = _source(session, model, version)
    return _frame(store.artifacts.local_path(source))


def _source(session: Session, model: str, version: int) -> tuple[Signature, str]:
    model_version = versions.require(session, model, version)
    if model_version.run_id is None:
        raise Conflict(
            f"{model}@{version} was imported and has no held-out rows to compare with.",
            hint="Deploy a version that a run of this workspace made.",
        )
    signature = Signature.from_json(model_version.signature)
    return signature, details.artifact(session, model_version.run_id, PATH).digest


def _compute(store: Store, model: str, version: int, signature: Signature, source: str) -> str:
    profile = profile_reference(_frame(store.artifacts.local_path(source)), signature)
    digest = store.artifacts.put_bytes(to_bytes(profile))
    with store.write() as session:
        session.merge(
            tables.Reference(
                model=model,
                version=version,
                source=source,
                digest=digest,
                rows=profile.rows,
                created_at=store.now(),
            )
        )

    return digest


def _load(store: Store, digest: str) -> ReferenceProfile:
    if digest not in _profiles:
        while len(_profiles) >= MAX_CACHED:
            _profiles.pop(next(iter(_profiles)))
        _profiles[digest] = from_bytes(store.artifacts.read(digest))
    return _profiles[digest]


def _frame(path: Path) -> pd.DataFrame:
    import pandas as pd

    return pd.read_parquet(path)


def importance(store: Store, session: Session, model: str, version: int) -> Mapping[str, float]:
    """The permutation importance of each column of a version, from its run; empty without one."""
    import json

    model_version = versions.require(session, model, version)
    if model_version.run_id is None:
        return {}
    files = details.run(session, model_version.run_id).artifacts
    digest = next((file.digest for file in files if file.path == "importance.json"), None)
    if digest is None:
        return {}
    table = json.loads(store.artifacts.read(digest))
    return dict(zip(table["column"], table["importance"], strict=True))
