"""Model versions: registered from a finished run or an import, found by number or alias."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlmodel import Session, col, func, select

from pilothouse.activity import record
from pilothouse.experiments import late_writes, lifecycle
from pilothouse.experiments.tables import (
    FINISHED,
    RunArtifact,
    RunInput,
    RunMetric,
    RunTag,
)
from pilothouse.kit import names
from pilothouse.kit.errors import Conflict, Invalid, NotFound
from pilothouse.models.answers import HELD_OUT_TAG, SIGNATURE_PATH
from pilothouse.models.package import ModelPackage
from pilothouse.models.signature import Signature
from pilothouse.registry.info import VersionInfo, version_info
from pilothouse.registry.tables import (
    CHAMPION,
    Alias,
    Model,
    ModelTag,
    ModelVersion,
    ModelVersionOrigin,
    Promotion,
    StageChange,
    VersionTag,
)
from pilothouse.storage import Store

VERSION_NUMBER = re.compile(r"[0-9]{1,9}")
MAX_VERSION = 999_999_999
MODEL_FOLDER = "model"
MODEL_PATH = "model/model.joblib"
EXAMPLE_PATH = "model/input_example.json"


@dataclass(frozen=True)
class Origin:
    """Where an imported version comes from, as the program that registered it says.

    `location` is where its files can be had; `run` and `logged_model` are ids, here or elsewhere.
    """

    source: str
    location: str
    run: str = ""
    run_link: str = ""
    logged_model: str = ""


@dataclass(frozen=True)
class VersionSource:
    """The content of a new version; `run` or `imported` is its origin.

    `package` says how the files of a model from elsewhere are loaded, when a format claims them.
    `depends_on` names further runs and logged models that stay as they are, with the folder of the
    version's files in each, None when there are none. `origin` and `tags` are those of an import.
    """

    digest: str
    signature: Signature
    input_example: list[dict[str, Any]]
    metrics: Mapping[str, float]
    run: str | None = None
    imported: str = ""
    dataset: str = ""
    held_out: str = ""
    package: ModelPackage | None = None
    depends_on: tuple[tuple[str, str | None], ...] = ()
    origin: Origin | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


def register_run(
    session: Session, store: Store, model: str, run: str, note: str = ""
) -> VersionInfo:
    """Make the model of a finished run the next version; the same run again is the same version.

    Raises NotFound without the run, Conflict when it has not finished, Invalid without a model.
    """
    query = select(ModelVersion).where(ModelVersion.model == model, ModelVersion.run_id == run)
    if row := session.exec(query).first():
        return _info(session, row)
    return _add(session, store, model, _run_source(session, store, run), note)


def has_own_model(session: Session, run: str) -> bool:
    """Whether a run has the model file of a training here. Raises NotFound without the run."""
    lifecycle.require(session, run)
    return session.get(RunArtifact, (run, MODEL_PATH)) is not None


def register_import(
    session: Session,
    store: Store,
    model: str,
    source: VersionSource,
    note: str = "",
) -> VersionInfo:
    """Make a model from elsewhere the next version. Raises Invalid when its origin has no name."""
    if not source.imported.strip():
        raise Invalid("an import needs a name for its origin.", fields={"imported": "needed"})
    return _add(session, store, model, source, note)


def require(session: Session, model: str, version: int) -> ModelVersion:
    """The version's row, for writers. Raises NotFound that names the latest version."""
    row = session.get(ModelVersion, (model, version)) if 0 < version <= MAX_VERSION else None
    if row is not None:
        return row
    latest = _latest(session, model)
    if latest == 0:
        raise NotFound(f"no model named {model!r}", hint=_existing_models(session))
    raise NotFound(f"no version {version} of {model!r}; the latest is {latest}.")


def exists(session: Session, model: str, version: int) -> bool:
    """Whether there is such a version now."""
    return session.get(ModelVersion, (model, version)) is not None


def find(session: Session, model: str, version_or_alias: int | str) -> VersionInfo:
    """A version by its number or an alias. Raises NotFound."""
    if isinstance(version_or_alias, int) or VERSION_NUMBER.fullmatch(version_or_alias):
        return _info(session, require(session, model, int(version_or_alias)))
    alias = session.get(Alias, (model, version_or_alias))
    if alias is None:
        raise NotFound(f"no version of {model!r} has the alias {version_or_alias!r}.")
    return _info(session, require(session, model, alias.version))


def check_described(version: VersionInfo) -> None:
    """Raises Conflict unless the signature says what goes in and what an answer means."""
    if not version.signature.is_described:
        raise Conflict(
            f"{version.ref} cannot be scored: what its answer means is not known.",
            hint="Describe its inputs and its answer on the version's page first.",
        )


def champion(session: Session, model: str) -> VersionInfo | None:
    """The version in production, when there is one."""
    alias = session.get(Alias, (model, CHAMPION))
    return None if alias is None else find(session, model, alias.version)


def of_run(session: Session, run: str) -> list[VersionInfo]:
    """The versions that were made from a run, by model."""
    query = select(ModelVersion).where(ModelVersion.run_id == run).order_by(ModelVersion.model)
    return [_info(session, row) for row in session.exec(query).all()]


def aliases(session: Session, model: str) -> dict[int, tuple[str, ...]]:
    """The aliases of each version that has any."""
    query = select(Alias.version, Alias.alias).where(Alias.model == model).order_by(Alias.alias)
    by_version: dict[int, tuple[str, ...]] = {}
    for version, alias in session.exec(query):
        by_version[version] = (*by_version.get(version, ()), alias)
    return by_version


def _info(session: Session, row: ModelVersion) -> VersionInfo:
    return version_info(row, aliases(session, row.model).get(row.version, ()))


def _run_source(session: Session, store: Store, run_id: str) -> VersionSource:
    run = lifecycle.require(session, run_id)
    if run.status != FINISHED:
        raise Conflict(
            f"run {run.name!r} is {run.status}; only a finished run can become a version."
        )

    paths = select(RunArtifact.path, RunArtifact.digest).where(RunArtifact.run_id == run_id)
    files = dict(session.exec(paths).all())
    if missing := [p for p in (MODEL_PATH, SIGNATURE_PATH) if p not in files]:
        raise Invalid(
            f"run {run.name!r} has no {missing[0]}.",
            hint="Of a search, register one of its trials.",
            fields={"run": "has no model"},
        )

    example = files.get(EXAMPLE_PATH)
    return VersionSource(
        run=run_id,
        depends_on=((run_id, MODEL_FOLDER),),
        digest=files[MODEL_PATH],
        signature=Signature.from_json(json.loads(store.artifacts.read(files[SIGNATURE_PATH]))),
        input_example=json.loads(store.artifacts.read(example)) if example else [],
        metrics=metrics_of_run(session, run_id),
        dataset=_dataset(session, run_id),
        held_out=_held_out(session, run_id),
    )


def metrics_of_run(session: Session, run_id: str) -> dict[str, float]:
    """The last value of each metric of a run, where it is a number; of no run, none."""
    query = select(RunMetric.key, RunMetric.last).where(RunMetric.run_id == run_id)
    return {key: value for key, value in session.exec(query) if value is not None}


def _dataset(session: Session, run_id: str) -> str:
    query = select(RunInput.dataset).where(RunInput.run_id == run_id, RunInput.role == "training")
    return session.exec(query).first() or ""


def _held_out(session: Session, run_id: str) -> str:
    tag = session.get(RunTag, (run_id, HELD_OUT_TAG))
    return tag.value if tag else ""


def _add(
    session: Session,
    store: Store,
    model: str,
    source: VersionSource,
    note: str,
) -> VersionInfo:
    owner = _require_or_create(session, store, model)
    if not store.artifacts.exists(source.digest):
        raise NotFound(f"the model's artifact {source.digest[:12]}… is not in the store.")

    now = store.now()
    owner.last_number = max(_latest(session, model), owner.last_number or 0) + 1
    owner.updated_at = now
    row = ModelVersion(
        model=model,
        version=owner.last_number,
        run_id=source.run,
        import_source=source.imported,
        digest=source.digest,
        signature=source.signature.to_json(),
        input_example=source.input_example,
        package=source.package.to_json() if source.package is not None else None,
        metrics=dict(source.metrics),
        dataset=source.dataset,
        held_out=source.held_out,
        note=note,
        created_at=now,
        created_by=store.actor,
        updated_at=now,
    )
    session.add(owner)
    session.add(row)
    session.flush()
    # Before the activity: who subscribes to that (webhooks) reads the origin and the tags.
    _add_details(session, row, source)
    rests_on = ({source.run: None} if source.run else {}) | dict(source.depends_on)
    late_writes.hold_sources(session, f"{model}@{row.version}", rests_on.items())
    record(
        session,
        store,
        "registered",
        "version",
        f"{model}@{row.version}",
        after={"run": source.run, "import": source.imported, "digest": source.digest},
        reason=note,
    )

    return _info(session, row)


def _add_details(session: Session, version: ModelVersion, source: VersionSource) -> None:
    owner: dict[str, Any] = {"model": version.model, "version": version.version}
    if source.origin is not None:
        session.add(ModelVersionOrigin(**owner, **vars(source.origin)))
    session.add_all(VersionTag(**owner, key=k, value=v) for k, v in source.tags.items())
    session.flush()


def _require_or_create(session: Session, store: Store, name: str) -> Model:
    if (existing := session.get(Model, name)) is not None:
        return existing
    names.MODEL.check(name)
    return add_model(session, store, name)


def add_model(
    session: Session,
    store: Store,
    name: str,
    note: str = "",
    tags: Mapping[str, str] | None = None,
) -> Model:
    """Create a model without versions; the caller has checked that the name is free and valid."""
    now = store.now()
    model = Model(
        name=name,
        note=note,
        created_at=now,
        created_by=store.actor,
        updated_at=now,
        last_number=last_remembered(session, name) or None,
    )
    session.add(model)
    session.flush()
    session.add_all(
        ModelTag(model=name, key=key, value=value) for key, value in (tags or {}).items()
    )
    session.flush()
    record(session, store, "created", "model", name)
    return model


def last_remembered(session: Session, model: str) -> int:
    """The highest number of a name that a decision is remembered of; 0 without one."""
    numbers = (
        session.exec(select(func.max(table.version)).where(table.model == model)).one() or 0
        for table in (StageChange, Promotion)
    )
    return max(numbers)


def has_decisions(session: Session, model: str, version: int) -> bool:
    """Whether a version was ever moved, or somebody asked for it."""
    return any(
        session.exec(
            select(table.id).where(table.model == model, table.version == version).limit(1)
        ).first()
        is not None
        for table in (StageChange, Promotion)
    )


def _latest(session: Session, model: str) -> int:
    query = select(func.max(ModelVersion.version)).where(ModelVersion.model == model)
    return session.exec(query).one() or 0


def _existing_models(session: Session) -> str:
    names = session.exec(select(Model.name).order_by(col(Model.name)).limit(10)).all()
    return f"Known: {', '.join(names) or 'none yet'}."
