"""Writing registered models: versions as named imports, then stages, then aliases."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlalchemy import select
from sqlmodel import Session, col

from pilothouse.activity import record
from pilothouse.experiments.tables import LoggedModel, Run
from pilothouse.interop.importing import ledger as known
from pilothouse.interop.importing import records
from pilothouse.interop.importing.coerce import stamp
from pilothouse.interop.importing.ledger import ImportLedger
from pilothouse.interop.importing.report import Notes
from pilothouse.interop.importing.sandbox import local_path
from pilothouse.interop.importing.sanitise import cut, pairs
from pilothouse.interop.mlflow.model_versions import kept_origin, last_figures, manifest
from pilothouse.interop.mlflow.registered_models import (
    MAX_NAME_LENGTH,
    MAX_NOTE_LENGTH,
    MAX_VALUE_LENGTH,
)
from pilothouse.interop.mlflow.sources import ModelSource, origin
from pilothouse.interop.tables import Imported
from pilothouse.kit.errors import PilothouseError
from pilothouse.models.signature import UNKNOWN
from pilothouse.registry import stages
from pilothouse.registry.tables import (
    ARCHIVED,
    CHAMPION,
    NONE,
    PRODUCTION,
    Alias,
    Model,
    ModelTag,
    ModelVersion,
    StageChange,
    VersionTag,
)
from pilothouse.registry.versions import MAX_VERSION, VersionSource, add_model, register_import
from pilothouse.storage import Store

REASON = "as it was where it was imported from"


@dataclass
class Registered:
    """What came of one registered model."""

    models: int = 0
    versions: int = 0
    unchanged: int = 0
    changed: int = 0


class Shelf:
    """Writes registered models of one source."""

    def __init__(self, store: Store, notes: Notes, memory: ImportLedger, *, all_runs: bool) -> None:
        self._store = store
        self._notes = notes
        self._memory = memory
        self._all_runs = all_runs

    def put(self, session: Session, model: records.ModelRecord) -> Registered:
        """Bring a model with whatever of it is new, in the caller's transaction."""
        counts = Registered()
        selected = [
            version for version in model.versions if self._is_wanted(session, model, version)
        ]
        if not selected and not self._all_runs:
            return counts
        name = self._name(model.name)
        if name is None:
            return counts
        counts.models = int(self._model(session, model, name))
        numbers: dict[int, int] = {}
        for version in selected:
            numbers[version.version] = self._version(session, model, name, version, counts)
        self._aliases(session, model, name, numbers)
        return counts

    def _is_wanted(
        self, session: Session, model: records.ModelRecord, version: records.VersionRecord
    ) -> bool:
        """Whether the run of a version has come, when not all of them were asked for."""
        if self._all_runs:
            return True
        run, made = session.get(Run, version.run_id), session.get(LoggedModel, version.model_id)
        if run is None and made is None:
            name = f"{model.name} {version.version}"
            self._notes.skipped("version", name, "its experiment was not asked for")
        return run is not None or made is not None

    def _name(self, name: str) -> str | None:
        """The name here: MLflow once allowed slashes and colons."""
        local_name = re.sub(r"[/:]", "-", name)
        if not local_name.strip() or len(local_name) > MAX_NAME_LENGTH:
            self._notes.broken("model", name, f"a name has 1 to {MAX_NAME_LENGTH} characters")
            return None
        if local_name != name:
            self._notes.noted(
                "model", name, f"it is {local_name} here: no name has slashes or colons"
            )
        return local_name

    def _model(self, session: Session, model: records.ModelRecord, name: str) -> bool:
        """See to it that there is such a model; whether it was made just now."""
        digest = stamp(model.note, dict(model.tags))
        entry = self._memory.one(session, known.MODEL, model.name)
        row = session.get(Model, name)
        is_from_here = entry is not None and entry.source == self._memory.source
        is_ours = row is None or (entry is not None and is_from_here and entry.local_id == name)
        if row is not None and (not is_ours or (entry and entry.is_as(digest))):
            return False
        is_new = row is None
        note = cut(model.note, MAX_NOTE_LENGTH, self._notes, "model", name)
        row = row or add_model(session, self._store, name, note)
        row.note = note
        row.created_at = model.created_at or row.created_at
        row.updated_at = model.updated_at or row.updated_at
        session.add(row)
        for key, value in pairs(model.tags, self._notes, "tag", name, MAX_VALUE_LENGTH).items():
            session.merge(ModelTag(model=name, key=key, value=value))
        session.flush()
        self._memory.keep(session, self._store, known.MODEL, model.name, name, digest=digest)
        return is_new

    def _version(
        self,
        session: Session,
        model: records.ModelRecord,
        name: str,
        version: records.VersionRecord,
        counts: Registered,
    ) -> int:
        """The number of the version here, whether it came now or before."""
        external_id = f"{model.name}/{version.version}"
        identity = stamp(version.created_at, version.source, version.run_id, version.model_id)
        digest = f"{identity} {stamp(version.stage, version.note, dict(version.tags))}"
        entry = self._seen(session, external_id, identity)
        row = (
            session.get(ModelVersion, (name, int(entry.local_id.rpartition("@")[2])))
            if entry
            else None
        )
        if entry is not None and row is None:
            self._notes.skipped("version", external_id, "it came before and was deleted here since")
            return 0
        if entry is not None and row is not None and entry.is_as(digest):
            counts.unchanged += 1
            return row.version
        if row is None:
            row = self._registered(session, name, version)
            counts.versions += 1
        else:
            counts.changed += 1
        self._tell(session, row, version)
        self._memory.keep(
            session,
            self._store,
            known.VERSION,
            external_id,
            f"{name}@{row.version}",
            digest=digest,
        )
        return row.version

    def _seen(self, session: Session, external_id: str, identity: str) -> known.LedgerEntry | None:
        """What is known of a version; another source's of the same name may be another model."""
        entry = self._memory.one(session, known.VERSION, external_id)
        is_same = entry is not None and (
            entry.source == self._memory.source or entry.digest.startswith(f"{identity} ")
        )
        return entry if is_same else None

    def _registered(
        self, session: Session, name: str, version: records.VersionRecord
    ) -> ModelVersion:
        looked = self._origin(session, name, version)
        owner = session.get(Model, name)
        assert owner is not None
        if (owner.last_number or 0) < version.version <= MAX_VERSION:
            owner.last_number = version.version - 1
        known_run = version.run_id if session.get(Run, version.run_id) else None
        imported = VersionSource(
            digest=manifest(self._store, looked),
            signature=UNKNOWN,
            input_example=[],
            metrics=last_figures(session, looked.run_id),
            run=known_run,
            imported=f"MLflow: {looked.source}",
            depends_on=looked.rests_on,
        )
        updated = owner.updated_at
        number = register_import(
            session,
            self._store,
            name,
            imported,
            related_rows=lambda row: [kept_origin(row, looked, version.run_link)],
        ).version
        row = session.get(ModelVersion, (name, number))
        assert row is not None
        row.created_at = version.created_at or row.created_at
        owner.updated_at = updated
        if number != version.version:
            message = f"it is number {number} here: {name} has versions of its own"
            self._notes.noted("version", f"{name} {version.version}", message)
        session.flush()
        return row

    def _origin(self, session: Session, name: str, version: records.VersionRecord) -> ModelSource:
        """Where the version's files are here; where they are said to be, when they are not."""
        source = version.source or "unknown"
        for local_source, run_id, model_id in _ways(version):
            try:
                looked = origin(session, local_source, run_id, model_id)
            except PilothouseError:
                continue
            if looked.files:
                return looked
        message = f"they are said to be at {source}, and are not here"
        self._notes.skipped("files", f"{name} {version.version}", message)
        return ModelSource(source, source, version.run_id, version.model_id)

    def _tell(self, session: Session, row: ModelVersion, version: records.VersionRecord) -> None:
        """The note, tags and stage that they say now."""
        owner = f"{row.model} {version.version}"
        row.note = cut(version.note, MAX_NOTE_LENGTH, self._notes, "version", owner)
        for key, value in pairs(version.tags, self._notes, "tag", owner, MAX_VALUE_LENGTH).items():
            session.merge(VersionTag(model=row.model, version=row.version, key=key, value=value))
        if version.stage != row.stage:
            self._move(session, row, version.stage)
        row.updated_at = version.updated_at or row.updated_at
        session.add(row)
        session.flush()

    def _move(self, session: Session, row: ModelVersion, stage: str) -> None:
        owner = f"{row.model} {row.version}"
        if _moved_by_people(session, row):
            self._notes.skipped("stage", owner, f"it is {row.stage} here, where it was moved since")
            return
        if stage == PRODUCTION and self._champion_of_others(session, row.model):
            message = f"{stage} there: {row.model} has a champion of its own here"
            self._notes.skipped("stage", owner, message)
            return
        before = stages.stage_and_champion(session, row)
        stages.move(session, self._store, row, stage, REASON, alone=False)
        record(
            session,
            self._store,
            "archived" if stage == ARCHIVED else "moved",
            "version",
            f"{row.model}@{row.version}",
            before=before,
            after=stages.stage_and_champion(session, row),
            reason=REASON,
        )

    def _champion_of_others(self, session: Session, name: str) -> bool:
        alias = session.get(Alias, (name, CHAMPION))
        return alias is not None and not self._is_from_here(session, name, alias.version)

    def _is_from_here(self, session: Session, name: str, number: int) -> bool:
        """Whether a version of ours was imported from this source."""
        query = select(col(Imported.external_id)).where(
            col(Imported.source) == self._memory.source,
            col(Imported.kind) == known.VERSION,
            col(Imported.local_id) == f"{name}@{number}",
        )
        return session.scalars(query).first() is not None

    def _aliases(
        self, session: Session, model: records.ModelRecord, name: str, numbers: dict[int, int]
    ) -> None:
        """Point their aliases at what their versions became, unless ours point elsewhere."""
        digest = stamp(dict(model.aliases), numbers)
        external_id = f"{model.name}@"
        entry = self._memory.one(session, known.MODEL, external_id)
        if not model.aliases or (entry is not None and entry.is_as(digest)):
            return
        for alias, number in model.aliases.items():
            if not numbers.get(number):
                self._notes.skipped("alias", f"{name}@{alias}", f"version {number} is not here")
                continue
            self._point(session, name, alias, numbers[number])
        self._memory.keep(session, self._store, known.MODEL, external_id, name, digest=digest)

    def _point(self, session: Session, name: str, alias: str, number: int) -> None:
        existing = session.get(Alias, (name, alias))
        if existing is not None and existing.version == number:
            return
        if existing is not None and not self._is_from_here(session, name, existing.version):
            message = f"it points at {existing.version} here, and stays there"
            self._notes.conflict("alias", f"{name}@{alias}", message)
            return
        try:
            if alias == CHAMPION:
                stages.move_champion(session, self._store, name, number, REASON)
            else:
                stages.set_alias(session, self._store, name, alias, number, REASON)
        except PilothouseError as unfit:
            self._notes.broken("alias", f"{name}@{alias}", unfit.message)


def _ways(version: records.VersionRecord) -> list[tuple[str, str, str]]:
    """The sources under which a version's files may be found here."""
    run, model, candidates = version.run_id, version.model_id, []
    if model:
        _, _, inside = version.source.partition(f"{model}/")
        is_ours = version.source.startswith("models:/")
        candidates.append((f"models:/{model}/{inside if is_ours else ''}".rstrip("/"), run, model))
    if run and run in version.source:
        _, _, inside = (local_path(version.source) or version.source).partition(f"{run}/")
        inside = inside.removeprefix("artifacts/") if "://" not in inside else ""
        candidates.append((f"runs:/{run}/{inside}".rstrip("/"), run, ""))
    return candidates


def _moved_by_people(session: Session, row: ModelVersion) -> bool:
    """Whether the last move of a version was not an import's."""
    query = (
        select(col(StageChange.reason))
        .where(col(StageChange.model) == row.model, col(StageChange.version) == row.version)
        .order_by(col(StageChange.id).desc())
        .limit(1)
    )
    reason = session.scalars(query).first()
    return reason is not None and reason != REASON and row.stage != NONE
