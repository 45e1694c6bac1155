"""The evidence of a workspace for its maturity checks: gathered from what the rooms have stored.

Nothing is measured. The number of queries depends on how many versions are in production, and not
on how many runs, windows or entries there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlmodel import Session

from pilothouse.activity.chain import verify_newest
from pilothouse.data.datasheets.datasheet_api import read_datasheet
from pilothouse.data.datasheets.datasheet_sections import SENSITIVE_TAG
from pilothouse.data.tables import DatasetVersion
from pilothouse.governance.maturity import (
    attestations,
    deployment_records,
    monitoring_records,
    run_records,
    version_records,
)
from pilothouse.governance.maturity.evidence_values import (
    AnsweredWindows,
    BackingDataset,
    LogState,
    MaturityEvidence,
    ProductionEvidence,
    ServingDeployment,
    TrainingRun,
)
from pilothouse.governance.maturity.version_records import IMPORTANCE, VersionRecords
from pilothouse.models.answers import REFERENCE_PATH
from pilothouse.people.persons import active_people
from pilothouse.registry import load_trials, trust, version_facts
from pilothouse.registry.cards.model_card import card_fact
from pilothouse.registry.info import VersionInfo, version_info
from pilothouse.registry.tables import ModelVersion
from pilothouse.storage import Store

LOG_ENTRIES = 2_000  # newest ones that are verified for the page
SOUND_BYTES = 64 << 20  # larger files are asked for, and not hashed, while a page waits
PIPELINE = "pipeline"
Pair = tuple[str, int]


@dataclass(frozen=True)
class _Gathered:
    """What was read for all versions together."""

    records: VersionRecords
    runs: Mapping[str, TrainingRun]
    datasets: Mapping[str, BackingDataset]
    deployments: Mapping[Pair, tuple[ServingDeployment, ...]]
    windows: Mapping[Pair, AnsweredWindows]
    staged: Mapping[Pair, str]


def gather(store: Store) -> MaturityEvidence:
    """The evidence as it is stored now."""
    log = verify_newest(store, LOG_ENTRIES)
    with store.read() as session:
        return evidence_of(
            session, store, LogState(log.intact, LOG_ENTRIES, log.entries, log.message)
        )


def evidence_of(session: Session, store: Store, log: LogState) -> MaturityEvidence:
    """The evidence that a session sees, with the state of the audit log."""
    now = store.now()
    gathered = _read(session, store)
    versions = tuple(_version(session, store, row, gathered) for row in gathered.records.rows)
    names = sorted({d.name for items in gathered.deployments.values() for d in items})
    delivered, channels = monitoring_records.deliveries(session)
    waiting, hours = monitoring_records.acknowledgements(session, now)
    return MaturityEvidence(
        at=now,
        people=len(active_people(session)),
        runs=run_records.count_trainings(session),
        unrecorded=run_records.unrecorded(session),
        without_code=run_records.without_code(session),
        without_environment=run_records.without_environment(session),
        versions=versions,
        delivered=delivered,
        channels=channels,
        rules=monitoring_records.watching_rules(session, names),
        open_alerts=waiting,
        acknowledge_hours=hours,
        log=log,
        incidents=monitoring_records.incidents(session, now),
        attested=attestations.in_force(session, now),
    )


def _read(session: Session, store: Store) -> _Gathered:
    records = version_records.read_records(session)
    pairs = [(row.model, row.version) for row in records.rows]
    refs = {row.dataset for row in records.rows if row.dataset}
    content = version_records.content_of(session, refs)
    return _Gathered(
        records=records,
        runs=run_records.training_runs(session, set(records.runs.values())),
        datasets={ref: _dataset(session, store, ref, row) for ref, row in content.items()},
        deployments=deployment_records.serving(session, store, pairs),
        windows=monitoring_records.answered_windows(session, pairs),
        staged={
            **deployment_records.served_before(session, pairs),
            **records.staged,
            **deployment_records.rolled_out(session, pairs),
        },
    )


def _dataset(session: Session, store: Store, ref: str, row: DatasetVersion) -> BackingDataset:
    sheet = read_datasheet(session, store, ref)
    return BackingDataset(
        ref=ref,
        content_hash=row.content_hash,
        is_loadable=store.artifacts.exists(row.digest),
        has_contract=bool(row.contract_json.get("columns")),
        event_time=row.event_time or "",
        sensitive=row.tags.get(SENSITIVE_TAG),
        filled=sheet.sheet.filled,
        parts=sheet.sheet.total,
        texts=sheet.texts.texts,
    )


def _version(
    session: Session, store: Store, row: ModelVersion, gathered: _Gathered
) -> ProductionEvidence:
    """A version with all of it."""
    records, pair = gathered.records, (row.model, row.version)
    info, model = version_info(row, ()), records.models[row.model]
    files = records.files.get(pair, frozenset())
    artifact = version_facts.artifact(session, store, info)
    trial = load_trials.find(session, info)
    proposed, ungated = records.retrained.get(row.model, (0, 0))
    windows = gathered.windows.get(pair, AnsweredWindows())
    written_here = artifact.badge == version_facts.WRITTEN_HERE
    return ProductionEvidence(
        model=row.model,
        version=row.version,
        created_at=row.created_at,
        owner=records.owners.get(row.model) or model.created_by,
        description=model.note.strip(),
        signature=info.signature,
        is_sound=_is_sound(store, row.digest, artifact.bytes),
        files=artifact.badge,
        refused=artifact.refused,
        signed_off=trust.is_approved(session, info),
        written_here=written_here,
        feature_steps=written_here or _has_steps(info),
        answered=None if trial is None else trial.message,
        has_importance=IMPORTANCE in files,
        has_reference=REFERENCE_PATH in files,
        card=card_fact(session, row.model, row.version),
        run=gathered.runs.get(records.runs.get(pair, "")),
        dataset=gathered.datasets.get(row.dataset),
        promotion=records.promotions.get(pair),
        staged=gathered.staged.get(pair, ""),
        measured=records.measured.get(pair, {}),
        baselines=records.baselines.get(row.held_out, 0),
        deployments=gathered.deployments.get(pair, ()),
        windows=windows,
        retrained_promotions=proposed,
        ungated_retrainings=ungated,
        release_files=records.exported.get(row.model, 0),
    )


def _is_sound(store: Store, digest: str, size: int | None) -> bool:
    """Whether the bytes are those of the digest; of large files, whether they are there."""
    if size is not None and size > SOUND_BYTES:
        return store.artifacts.exists(digest)
    return store.artifacts.is_sound(digest)


def _has_steps(version: VersionInfo) -> bool:
    """Whether a model from elsewhere is a pipeline: its steps make the features."""
    made_of = "" if version.package is None else version.package.fact("model_class")
    return PIPELINE in made_of.lower()
