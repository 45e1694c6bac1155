"""Which edition of the built-in policy a workspace has, and what it asks of a version."""

from __future__ import annotations

from sqlmodel import Session, col, select

from pilothouse.activity import record
from pilothouse.experiments.tables import RunArtifact
from pilothouse.kit.errors import Invalid, require_reason
from pilothouse.models.signature import Signature
from pilothouse.people.persons import require_right
from pilothouse.people.rights import EDIT_POLICIES
from pilothouse.registry.default_gates import EDITIONS, RECOMMENDED, GatedVersion, built_in
from pilothouse.registry.policy import BUILT_IN, PolicyInfo
from pilothouse.registry.tables import BuiltInPolicy, ModelVersion
from pilothouse.storage import Store

NEW = RECOMMENDED  # the edition of a workspace in which nobody has chosen one
SPEC_PATH = "spec.json"  # of a training by Pilothouse's trainers
CHANGED = "the built-in policy is changed"


def edition(session: Session) -> str:
    """The edition that holds: "recommended" or "basic"."""
    query = select(BuiltInPolicy.edition).order_by(col(BuiltInPolicy.id).desc())
    return session.exec(query).first() or NEW


def choose(session: Session, store: Store, name: str, reason: str) -> None:
    """Let an edition hold from now on; the one that holds already stays.

    Raises Invalid for another name or without a reason, PersonNeeded when nobody is chosen, Refused
    for whoever may not edit policies.
    """
    if name not in EDITIONS:
        message = f"must be {' or '.join(EDITIONS)}"
        raise Invalid(f"the edition {message}, not {name!r}.", fields={"edition": message})
    before = edition(session)
    if name == before:
        return
    require_right(session, store, EDIT_POLICIES, CHANGED)
    require_reason(reason, "a change of a policy")
    row = BuiltInPolicy(edition=name, reason=reason, changed_at=store.now(), changed_by=store.actor)
    session.add(row)
    session.flush()
    record(
        session,
        store,
        "changed",
        "policy",
        BUILT_IN,
        name="the built-in policy",
        before={"edition": before},
        after={"edition": name},
        reason=reason,
    )


def built_in_for(
    session: Session, model: str, stage: str, version: int | None = None
) -> PolicyInfo:
    """The built-in policy as a version meets it; without one, as the newest of the model does."""
    query = select(ModelVersion).where(ModelVersion.model == model)
    if version is not None:
        query = query.where(ModelVersion.version == version)
    row = session.exec(query.order_by(col(ModelVersion.version).desc())).first()
    gated = None if row is None else gated_version(session, row)
    return built_in(stage, edition(session), gated)


def gated_version(session: Session, row: ModelVersion) -> GatedVersion:
    """What decides which gates suit a version."""
    is_own = bool(row.run_id) and not row.import_source
    trained = is_own and session.get(RunArtifact, (row.run_id, SPEC_PATH)) is not None
    return GatedVersion(Signature.from_json(row.signature), trained)
