"""Writing registered models: versions as named imports, then stages, then aliases."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlalchemy import select
from sqlmodel import Session, col

from pilothouse.experiments.tables import LoggedModel, Run
from pilothouse.interop.importing import ledger, records
from pilothouse.interop.importing.coerce import fingerprint
from pilothouse.interop.importing.ledger import ImportLedger
from pilothouse.interop.importing.report import ReportBuilder
from pilothouse.interop.importing.sanitise import truncated, valid_pairs
from pilothouse.interop.limits import (
    MAX_MODEL_NAME_LENGTH,
    MAX_MODEL_NOTE_LENGTH,
    MAX_MODEL_TAG_LENGTH,
)
from pilothouse.interop.model_source import ModelSource
from pilothouse.interop.tables import Imported
from pilothouse.kit.errors import PilothouseError
from pilothouse.registry import external_changes, external_versions, stages, tags
from pilothouse.registry.external_changes import ImportedVersion
from pilothouse.registry.stage_ladder import stage_names
from pilothouse.registry.tables import (
    CHAMPION,
    NONE,
    PRODUCTION,
    UNGATED,
    Alias,
    Model,
    ModelVersion,
    StageChange,
)
from pilothouse.registry.versions import add_model, metrics_of_run
from pilothouse.storage import Store

REASON = "as it was where it was imported from"


@dataclass
class ModelCounts:
    """How much of one registered model was imported."""

    models: int = 0
    versions: int = 0
    unchanged: int = 0
    changed: int = 0


class RegistryImporter:
    """Imports the registered models of one source."""

    def __init__(
        self,
        store: Store,
        source: records.ImportSource,
        report: ReportBuilder,
        entries: ImportLedger,
        *,
        all_runs: bool,
    ) -> None:
        self._store = store
        self._report = report
        self._source = source
        self._ledger = entries
        self._all_runs = all_runs

    def import_model(self, session: Session, model: records.ModelRecord) -> ModelCounts:
        """Import what is new of a model, in the caller's transaction."""
        counts = ModelCounts()
        selected = [
            version for version in model.versions if self._is_selected(session, model, version)
        ]
        if not selected and not self._all_runs:
            return counts
        name = self._name(model.name)
        if name is None:
            return counts
        counts.models = int(self._import_model(session, model, name))
        numbers: dict[int, int] = {}
        for version in selected:
            numbers[version.version] = self._import_version(session, model, name, version, counts)
        self._import_aliases(session, model, name, numbers)
        return counts

    def _is_selected(
        self, session: Session, model: records.ModelRecord, version: records.VersionRecord
    ) -> bool:
        """Whether the run of a version was imported, when not all runs were selected."""
        if self._all_runs:
            return True
        run, made = session.get(Run, version.run_id), session.get(LoggedModel, version.model_id)
        if run is None and made is None:
            name = f"{model.name} {version.version}"
            self._report.skipped("version", name, "its experiment was not asked for")
        return run is not None or made is not None

    def _name(self, name: str) -> str | None:
        """The name here, where slashes and colons would make addresses ambiguous."""
        local_name = re.sub(r"[/:]", "-", name)
        if not local_name.strip() or len(local_name) > MAX_MODEL_NAME_LENGTH:
            self._report.broken(
                "model", name, f"a name has 1 to {MAX_MODEL_NAME_LENGTH} characters"
            )
            return None
        if local_name != name:
            self._report.noted(
                "model", name, f"it is {local_name} here: no name has slashes or colons"
            )
        return local_name

    def _import_model(self, session: Session, model: records.ModelRecord, name: str) -> bool:
        """Make or update the model; whether it was made just now."""
        digest = fingerprint(model.note, dict(model.tags))
        entry = self._ledger.entry(session, ledger.MODEL, model.name)
        row = session.get(Model, name)
        is_from_here = entry is not None and entry.source == self._ledger.source
        is_ours = row is None or (entry is not None and is_from_here and entry.local_id == name)
        if row is not None and (not is_ours or (entry and entry.is_unchanged(digest))):
            return False
        is_new = row is None
        note = truncated(model.note, MAX_MODEL_NOTE_LENGTH, self._report, "model", name)
        row = row or add_model(session, self._store, name, note)
        external_changes.import_model(
            session, row, note=note, created_at=model.created_at, updated_at=model.updated_at
        )
        model_tags = valid_pairs(model.tags, self._report, "tag", name, MAX_MODEL_TAG_LENGTH)
        tags.write_model_tags(session, name, model_tags)
        self._ledger.record(session, self._store, ledger.MODEL, model.name, name, digest=digest)
        return is_new

    def _import_version(
        self,
        session: Session,
        model: records.ModelRecord,
        name: str,
        version: records.VersionRecord,
        counts: ModelCounts,
    ) -> int:
        """Import a version, unless it is here; its number here, 0 when it was deleted here."""
        external_id = f"{model.name}/{version.version}"
        identity = fingerprint(version.created_at, version.source, version.run_id, version.model_id)
        digest = f"{identity} {fingerprint(version.stage, version.note, dict(version.tags))}"
        entry = self._entry_of(session, external_id, identity)
        row = (
            session.get(ModelVersion, (name, int(entry.local_id.rpartition("@")[2])))
            if entry
            else None
        )
        if entry is not None and row is None:
            self._report.skipped(
                "version", external_id, "it came before and was deleted here since"
            )
            return 0
        if entry is not None and row is not None and entry.is_unchanged(digest):
            counts.unchanged += 1
            return row.version
        if row is None:
            row = self._register(session, name, version)
            counts.versions += 1
        else:
            counts.changed += 1
        self._update_version(session, row, version)
        self._ledger.record(
            session,
            self._store,
            ledger.VERSION,
            external_id,
            f"{name}@{row.version}",
            digest=digest,
        )
        return row.version

    def _entry_of(
        self, session: Session, external_id: str, identity: str
    ) -> ledger.LedgerEntry | None:
        """The entry of a version; one of another source counts only if it is the same version."""
        entry = self._ledger.entry(session, ledger.VERSION, external_id)
        is_same = entry is not None and (
            entry.source == self._ledger.source or entry.digest.startswith(f"{identity} ")
        )
        return entry if is_same else None

    def _register(
        self, session: Session, name: str, version: records.VersionRecord
    ) -> ModelVersion:
        resolved = self._resolve(session, name, version)
        source = external_versions.version_source(
            self._store,
            resolved.files,
            resolved.origin(version.run_link),
            f"{self._source.tracker}: {resolved.source}",
            metrics_of_run(session, resolved.run_id),
            run=version.run_id if session.get(Run, version.run_id) else None,
            depends_on=resolved.rests_on,
        )
        imported = ImportedVersion(version.version, source, version.created_at)
        model = session.get_one(Model, name)
        row = external_changes.import_version(session, self._store, model, imported)

        if row.version != version.version:
            message = f"it is number {row.version} here: {name} has versions of its own"
            self._report.noted("version", f"{name} {version.version}", message)
        return row

    def _resolve(self, session: Session, name: str, version: records.VersionRecord) -> ModelSource:
        """Where the version's files are here; the source as it was written, when they are not."""
        resolved = self._source.resolve(session, version)
        if resolved is not None:
            return resolved
        source = version.source or "unknown"
        message = f"they are said to be at {source}, and are not here"
        self._report.skipped("files", f"{name} {version.version}", message)
        return ModelSource(source, source, version.run_id, version.model_id)

    def _update_version(
        self, session: Session, row: ModelVersion, version: records.VersionRecord
    ) -> None:
        """Take over the note, tags and stage that the source has now."""
        owner = f"{row.model} {version.version}"
        note = truncated(version.note, MAX_MODEL_NOTE_LENGTH, self._report, "version", owner)
        version_tags = valid_pairs(version.tags, self._report, "tag", owner, MAX_MODEL_TAG_LENGTH)
        tags.write_version_tags(session, row, version_tags)
        if version.stage != row.stage:
            self._move(session, row, version.stage)
        # After the move, which is made now but was made there at another time.
        external_changes.import_version_state(session, row, note, version.updated_at)

    def _move(self, session: Session, row: ModelVersion, stage: str) -> None:
        owner = f"{row.model} {row.version}"
        if _was_moved_by_hand(session, row):
            self._report.skipped(
                "stage", owner, f"it is {row.stage} here, where it was moved since"
            )
            return
        if stage not in (*UNGATED, *stage_names(session)):
            self._report.skipped("stage", owner, f"{stage} there: this workspace has no such stage")
            return
        if stage == PRODUCTION and self._has_other_champion(session, row.model):
            message = f"{stage} there: {row.model} has a champion of its own here"
            self._report.skipped("stage", owner, message)
            return
        external_changes.move(session, self._store, row, stage, REASON)

    def _has_other_champion(self, session: Session, name: str) -> bool:
        alias = session.get(Alias, (name, CHAMPION))
        return alias is not None and not self._is_from_this_source(session, name, alias.version)

    def _is_from_this_source(self, session: Session, name: str, number: int) -> bool:
        """Whether a version was imported from this source."""
        query = select(col(Imported.external_id)).where(
            col(Imported.source) == self._ledger.source,
            col(Imported.kind) == ledger.VERSION,
            col(Imported.local_id) == f"{name}@{number}",
        )
        return session.scalars(query).first() is not None

    def _import_aliases(
        self, session: Session, model: records.ModelRecord, name: str, numbers: dict[int, int]
    ) -> None:
        """Point aliases at the imported versions, unless they point elsewhere here."""
        digest = fingerprint(dict(model.aliases), numbers)
        external_id = f"{model.name}@"
        entry = self._ledger.entry(session, ledger.MODEL, external_id)
        if not model.aliases or (entry is not None and entry.is_unchanged(digest)):
            return
        for alias, number in model.aliases.items():
            if not numbers.get(number):
                self._report.skipped("alias", f"{name}@{alias}", f"version {number} is not here")
                continue
            self._point_alias(session, name, alias, numbers[number])
        self._ledger.record(session, self._store, ledger.MODEL, external_id, name, digest=digest)

    def _point_alias(self, session: Session, name: str, alias: str, number: int) -> None:
        existing = session.get(Alias, (name, alias))
        if existing is not None and existing.version == number:
            return
        if existing is not None and not self._is_from_this_source(session, name, existing.version):
            message = f"it points at {existing.version} here, and stays there"
            self._report.conflict("alias", f"{name}@{alias}", message)
            return
        try:
            if alias == CHAMPION:
                stages.move_champion(session, self._store, name, number, REASON)
            else:
                stages.set_alias(session, self._store, name, alias, number, REASON)
        except PilothouseError as unfit:
            self._report.broken("alias", f"{name}@{alias}", unfit.message)


def _was_moved_by_hand(session: Session, row: ModelVersion) -> bool:
    """Whether the last move of a version was not made by an import."""
    query = (
        select(col(StageChange.reason))
        .where(col(StageChange.model) == row.model, col(StageChange.version) == row.version)
        .order_by(col(StageChange.id).desc())
        .limit(1)
    )
    reason = session.scalars(query).first()
    return reason is not None and reason != REASON and row.stage != NONE
