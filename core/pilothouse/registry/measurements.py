"""Measurements of versions: what gates need beside metrics, measured once and stored.

What measures belongs to a layer above; this module says what is needed, and keeps what was found.
A measurement is of one version, with its parameters, on the rows that its windows are compared
with: other rows, such as those of a new evaluation, need a new one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from sqlmodel import Session, col, select

from pilothouse.activity import record
from pilothouse.experiments.tables import RunArtifact
from pilothouse.registry import evaluations, versions
from pilothouse.registry.evidence import MeasurementFact
from pilothouse.registry.gates import Need, Uses, gates
from pilothouse.registry.info import VersionInfo
from pilothouse.registry.policy import GateRule
from pilothouse.registry.tables import Measurement
from pilothouse.storage import Store

if TYPE_CHECKING:
    import pandas as pd

GROUP_THRESHOLDS = "group_thresholds"  # an analysis that a person recorded; no gate judges it
COLUMNS = ("kind", "params", "figures", "rows", "message", "measured_at", "measured_by")


def needs(rules: Iterable[GateRule], champion: str) -> tuple[Need, ...]:
    """The measurements that the gates of these rules judge, each once.

    `champion` is the reference of the version that a difference is measured against, or "". Rules
    of gates that are not installed need nothing.
    """
    result: list[Need] = []
    for rule in rules:
        uses = getattr(gates.get(rule.gate), "uses", None) if rule.gate in gates.names() else None
        need = uses.need(rule.read(), champion) if isinstance(uses, Uses) else None
        if need is not None and need not in result:
            result.append(need)
    return tuple(result)


def find(
    session: Session, version: VersionInfo, needed: Iterable[Need]
) -> tuple[MeasurementFact, ...]:
    """What is stored of these measurements on the present rows of the version."""
    rows_digest = judged_digest(session, version)
    stored = (session.get(Measurement, _id(version, need, rows_digest)) for need in needed)
    return tuple(_fact(row) for row in stored if row is not None)


def missing(
    session: Session, version: VersionInfo, needed: Sequence[Need], *, untried: bool = False
) -> tuple[Need, ...]:
    """Those of the measurements that are not stored, or could not be made unless `untried`."""
    made = find(session, version, needed)
    done = [Need(fact.kind, fact.params) for fact in made if untried or not fact.message]
    return tuple(need for need in needed if need not in done)


def record_measurement(
    session: Session, store: Store, version: VersionInfo, fact: MeasurementFact
) -> None:
    """Store what was measured on the present rows of a version. Raises NotFound.

    One that was made stays as it is; one that could not be made is replaced.
    """
    versions.require(session, version.model, version.version)
    need = Need(fact.kind, fact.params)
    rows_digest = judged_digest(session, version)
    identity = _id(version, need, rows_digest)
    existing = session.get(Measurement, identity)
    if existing is not None and not existing.message:
        return
    row = Measurement(
        id=identity,
        model=version.model,
        version=version.version,
        kind=fact.kind,
        params=dict(fact.params),
        figures=dict(fact.figures),
        rows=fact.rows,
        rows_digest=rows_digest,
        message=fact.message,
        measured_at=store.now(),
        measured_by=store.actor,
    )
    session.merge(row)
    session.flush()
    after = {"kind": fact.kind, "params": dict(fact.params), "message": fact.message}
    record(session, store, "measured", "version", version.ref, after=after)


def newest_of_kind(session: Session, version: VersionInfo, kind: str) -> Measurement | None:
    """The newest measurement of a kind on the rows that the version is judged on now."""
    query = (
        select(Measurement)
        .where(
            Measurement.model == version.model,
            Measurement.version == version.version,
            Measurement.kind == kind,
            Measurement.rows_digest == judged_digest(session, version),
        )
        .order_by(col(Measurement.measured_at).desc())
    )
    return session.exec(query).first()


def judged_digest(session: Session, version: VersionInfo) -> str:
    """The digest of the file with the rows that a version is judged on; "" without any."""
    reference = evaluations.reference_of(session, version.model, version.version)
    file = None if reference is None else session.get(RunArtifact, reference)
    return "" if file is None else file.digest


def measurement_frame(session: Session, model: str, version: int) -> pd.DataFrame:
    """One row a measurement, newest first: `COLUMNS`. Raises NotFound without the version."""
    import pandas as pd

    versions.require(session, model, version)
    query = (
        select(Measurement)
        .where(Measurement.model == model, Measurement.version == version)
        .order_by(col(Measurement.measured_at).desc(), col(Measurement.kind))
    )
    rows = [[getattr(row, name) for name in COLUMNS] for row in session.exec(query)]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return frame.assign(measured_at=pd.to_datetime(frame["measured_at"], utc=True))


def _id(version: VersionInfo, need: Need, rows_digest: str) -> str:
    parts = [version.ref, version.digest, need.kind, dict(need.params), rows_digest]
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _fact(row: Measurement) -> MeasurementFact:
    return MeasurementFact(
        row.kind, row.params, row.figures, row.rows, row.message, row.rows_digest
    )
