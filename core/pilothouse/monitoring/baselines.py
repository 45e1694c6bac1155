"""Baselines: the profile that a version's windows are compared with, stored as an artifact.

It is that of the held-out rows of the version's run, or of its newest evaluation. A version without
either is compared with the first rows that it answered, and with the metrics of its first labelled
window, until an evaluation gives it held-out rows. It runs in child processes, which cache the
profiles they read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlmodel import Session

from pilothouse.deployments import commands
from pilothouse.experiments.tables import RunArtifact
from pilothouse.models.signature import Signature
from pilothouse.monitoring import served_rows
from pilothouse.monitoring.estimation.performance_estimator import fit_estimator
from pilothouse.monitoring.performance import Performance
from pilothouse.monitoring.reference_profile import (
    ReferenceProfile,
    from_bytes,
    held_out_rows,
    profile_reference,
    profile_served,
    to_bytes,
    with_performance,
)
from pilothouse.monitoring.stored_references import Answered
from pilothouse.monitoring.window_rows import WindowRows
from pilothouse.monitoring.windows import Span, ends_text
from pilothouse.registry import evaluations, versions
from pilothouse.storage import Store

if TYPE_CHECKING:
    import pandas as pd

SERVED = "served"  # the source of a reference of served rows; others name an artifact
MAX_CACHED = 4
_profiles: dict[str, ReferenceProfile] = {}  # a cache by digest, which never becomes stale


@dataclass(frozen=True)
class Baseline:
    """A version's signature, and the profile that its windows are compared with.

    `source` is the digest of the held-out rows that were profiled, or `SERVED`.
    """

    signature: Signature
    profile: ReferenceProfile
    digest: str
    source: str = SERVED

    @property
    def stored(self) -> str | None:
        """The digest of the profile's bytes; None while it waits for its rows."""
        return None if self.profile.waiting else self.digest

    @property
    def awaits_labels(self) -> bool:
        """Whether the next window with enough labels becomes the reference of performance."""
        profile = self.profile
        return profile.origin == "served" and not profile.waiting and not profile.metrics


def baseline(store: Store, deployment: str, model: str, version: int, rows: int) -> Baseline:
    """The baseline of a version; its profile is computed the first time.

    Without held-out rows, the first `rows` predictions of the deployment by this version are
    profiled once they are there; until then the baseline's profile is empty and `waiting`.

    Raises NotFound without the version.
    """
    with store.read() as session:
        signature = commands.signature_of(session, deployment, model, version)
        source = held_out_source(session, model, version) or SERVED
        answered = Answered(deployment, model, version)
        row = answered.reference(session)
        stored = row.digest if row is not None and row.source == source else None
    if stored:
        profile = _load(store, stored)
        # One from before performance was estimated is profiled anew, as its rows are at hand.
        if profile.is_estimator_fitted or source == SERVED:
            return Baseline(signature, profile, stored, source)

    if source == SERVED:
        first = served_rows.first_rows(store, deployment, model, version, signature, rows)
        if len(first) < rows:
            return Baseline(signature, served_rows.waiting(signature, rows), "waiting")
        profile = profile_served(first, signature)
    else:
        profile = profile_reference(_frame(store.artifacts.local_path(source)), signature)
    return _store(store, answered, source, Baseline(signature, profile, ""))


def adopt_performance(
    store: Store,
    answered: Answered,
    old: Baseline,
    performance: Performance,
    span: Span,
    rows: WindowRows,
    zone: str | None = None,
) -> Baseline:
    """The baseline with a window's metrics as those that later windows are held against.

    `rows` are the window's, which estimates of later performance learn from.
    """
    estimator = fit_estimator(old.signature, rows, performance.metrics)
    name = ends_text(span.start, span.end, zone)
    profile = with_performance(old.profile, performance, name, estimator)
    return _store(store, answered, SERVED, Baseline(old.signature, profile, ""))


def reference_rows(
    store: Store, deployment: str, model: str, version: int, rows: int, source: str = ""
) -> WindowRows:
    """The rows of a version's reference: held out, or the first ones that it answered.

    `source` is that of the baseline that is meant, by default the present one.
    """
    with store.read() as session:
        signature = commands.signature_of(session, deployment, model, version)
        source = source or held_out_source(session, model, version) or SERVED
    if source == SERVED:
        return served_rows.first_rows(store, deployment, model, version, signature, rows)
    return held_out_rows(_frame(store.artifacts.local_path(source)), signature)


def held_out_source(session: Session, model: str, version: int) -> str | None:
    """The digest of the rows that a version's windows are compared with; None without any."""
    if not model:
        return None
    reference = evaluations.reference_of(session, model, version)
    if reference is None:
        return None
    file = session.get(RunArtifact, reference)
    return file.digest if file else None


def _store(store: Store, answered: Answered, source: str, made: Baseline) -> Baseline:
    digest = store.artifacts.put_bytes(to_bytes(made.profile))
    with store.write() as session:
        answered.store_reference(
            session, source=source, digest=digest, rows=made.profile.rows, created_at=store.now()
        )

    return Baseline(made.signature, _load(store, digest), digest, source)


def _load(store: Store, digest: str) -> ReferenceProfile:
    if digest not in _profiles:
        while len(_profiles) >= MAX_CACHED:
            _profiles.pop(next(iter(_profiles)))
        _profiles[digest] = from_bytes(store.artifacts.read(digest))
    return _profiles[digest]


@lru_cache(maxsize=2)
def _frame(path: Path) -> pd.DataFrame:
    """The rows of an artifact, whose content never changes; nobody changes the frame.

    PERF: each evaluation of a window may need them: the profile, segments, the domain classifier.
    """
    import pandas as pd

    return pd.read_parquet(path)


def importance(store: Store, session: Session, model: str, version: int) -> Mapping[str, float]:
    """The permutation importance of each column of a version, from its run; empty without one."""
    import json

    model_version = versions.require(session, model, version) if model else None
    if model_version is None or model_version.run_id is None:
        return {}
    file = session.get(RunArtifact, (model_version.run_id, "importance.json"))
    if file is None:
        return {}
    table = json.loads(store.artifacts.read(file.digest))
    return dict(zip(table["column"], table["importance"], strict=True))
