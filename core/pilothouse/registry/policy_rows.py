"""Stored policies: versions are only ever added, and the newest one of a name holds."""

from __future__ import annotations

from sqlmodel import Session, col, func, select

from pilothouse.activity import record
from pilothouse.kit.errors import Conflict, NotFound, Refused, require_reason
from pilothouse.people.persons import require_right
from pilothouse.people.rights import EDIT_POLICIES
from pilothouse.registry.built_in_policy import built_in_for
from pilothouse.registry.policy import Policy, PolicyInfo, most_specific
from pilothouse.registry.policy_check import checked
from pilothouse.registry.stage_ladder import check_stage, stage_names
from pilothouse.registry.tables import UNGATED, PolicyVersion
from pilothouse.storage import Store

CHANGED = "a policy is changed"


def applicable_policy(
    session: Session, model: str, stage: str, version: int | None = None
) -> PolicyInfo:
    """The policy that a model meets before a stage: the most specific one, else the built-in.

    A policy that names the model comes first, then the pattern with the most characters, then `*`.
    The built-in one depends on the `version`, which is the newest unless it is given. Raises
    Invalid for a stage that no version is promoted to.
    """
    check_stage(session, stage)
    policies = [info for info in current_policies(session) if info.stage == stage]
    return most_specific(policies, model) or built_in_for(session, model, stage, version)


def current_policies(session: Session) -> list[PolicyInfo]:
    """The policies that hold, by name, without the built-in ones."""
    newest = select(PolicyVersion.name, func.max(PolicyVersion.version).label("version")).group_by(
        col(PolicyVersion.name)
    )
    newest_versions = newest.subquery()
    query = select(PolicyVersion).join(
        newest_versions,
        (col(PolicyVersion.name) == newest_versions.c.name)
        & (col(PolicyVersion.version) == newest_versions.c.version),
    )
    rows = session.exec(query.order_by(col(PolicyVersion.name))).all()
    return [_info(row) for row in rows if not row.removed]


def find(session: Session, name: str, version: int | None = None) -> PolicyInfo:
    """A version of a policy, the newest by default. Raises NotFound."""
    query = select(PolicyVersion).where(PolicyVersion.name == name)
    if version is not None:
        query = query.where(PolicyVersion.version == version)
    row = session.exec(query.order_by(col(PolicyVersion.version).desc())).first()
    if row is None or (row.removed and version is None):
        ref = name if version is None else f"{name}@{version}"
        names = ", ".join(info.name for info in current_policies(session))
        raise NotFound(f"no policy {ref!r}.", hint=f"There are {names}." if names else "")
    return _info(row)


def versions(session: Session, name: str) -> list[PolicyInfo]:
    """Every version of a policy, newest first, also of a removed one. Raises NotFound."""
    query = select(PolicyVersion).where(PolicyVersion.name == name)
    rows = session.exec(query.order_by(col(PolicyVersion.version).desc())).all()
    if not rows:
        raise NotFound(f"no policy {name!r}.")
    return [_info(row) for row in rows]


def save(session: Session, store: Store, policy: Policy, reason: str) -> PolicyInfo:
    """Store the next version of a policy; one with the content that holds already stays.

    Raises Invalid for what it names wrongly or without a reason, Conflict when another policy
    before the stage has one of its patterns, PersonNeeded when nobody is chosen, Refused for
    whoever may not edit policies.
    """
    policy = checked(policy, stage_names(session))
    before = _newest(session, policy.name)
    holds = before is not None and not before.removed
    if before is not None and holds and before.policy == policy:
        return before

    require_right(session, store, EDIT_POLICIES, CHANGED)
    require_reason(reason, "a change of a policy")
    _refuse_taken_pattern(session, policy)
    info = _add(session, store, policy, before, reason, removed=False)
    record(
        session,
        store,
        "changed" if holds else "added",
        "policy",
        policy.name,
        before=_facts(before) if before is not None and holds else None,
        after=_facts(info),
        reason=reason,
    )
    return info


def remove(session: Session, store: Store, name: str, reason: str) -> None:
    """Remove a policy; its versions stay on record.

    Raises NotFound, Invalid without a reason, and as `save` for whoever may not edit policies.
    """
    before = find(session, name)
    require_right(session, store, EDIT_POLICIES, CHANGED)
    require_reason(reason, "a change of a policy")
    after = _add(session, store, before.policy, before, reason, removed=True)
    record(
        session,
        store,
        "removed",
        "policy",
        name,
        before=_facts(before),
        after={"version": after.version},
        reason=reason,
    )


def refuse_to_leave(session: Session, model: str, name: str) -> None:
    """Raise Refused when a model of another name would meet other policies than it meets now."""
    for stage in stage_names(session):
        own = applicable_policy(session, model, stage)
        other = applicable_policy(session, name, stage)
        if own.ref != other.ref:
            raise Refused(
                f"{model!r} meets the policy {own.ref!r} before {stage}, and a model called "
                f"{name!r} would meet {other.ref!r}.",
                hint=f"Add {name!r} to the models of the policy {own.name!r} first.",
            )


def refuse_if_guarded(session: Session, model: str, version: int, stage: str) -> None:
    """Raise Refused when a version that is in a stage may not be deleted from there."""
    if stage in UNGATED:
        return
    policy = applicable_policy(session, model, stage)
    if policy.policy.guards:
        raise Refused(
            f"{model}@{version} is in {stage}, where the policy {policy.ref!r} guards it.",
            hint="Archive it first: that is recorded with its reason.",
        )


def _add(
    session: Session,
    store: Store,
    policy: Policy,
    before: PolicyInfo | None,
    reason: str,
    *,
    removed: bool,
) -> PolicyInfo:
    content = policy.to_json()
    row = PolicyVersion(
        name=policy.name,
        version=before.version + 1 if before is not None else 1,
        stage=policy.stage,
        models=content["models"],
        gates=content["gates"],
        approvals=content["approvals"],
        digest=policy.digest,
        removed=removed,
        reason=reason,
        changed_at=store.now(),
        changed_by=store.actor,
    )
    session.add(row)
    session.flush()
    return _info(row)


def _newest(session: Session, name: str) -> PolicyInfo | None:
    query = select(PolicyVersion).where(PolicyVersion.name == name)
    row = session.exec(query.order_by(col(PolicyVersion.version).desc())).first()
    return None if row is None else _info(row)


def _refuse_taken_pattern(session: Session, policy: Policy) -> None:
    """Two policies with one pattern would leave open which of them applies."""
    for other in current_policies(session):
        shared = sorted(set(other.models) & set(policy.models))
        if other.name != policy.name and other.stage == policy.stage and shared:
            raise Conflict(
                f"the policy {other.name!r} before {policy.stage} is for {shared[0]!r} already.",
                hint="Change that one, or name the models more closely.",
            )


def _info(row: PolicyVersion) -> PolicyInfo:
    content = {name: getattr(row, name) for name in ("name", "stage", "models", "gates")}
    return PolicyInfo(
        policy=Policy.from_json(content | {"approvals": row.approvals}),
        version=row.version,
        changed_at=row.changed_at,
        changed_by=row.changed_by,
        reason=row.reason,
        removed=row.removed,
    )


def _facts(info: PolicyInfo) -> dict[str, object]:
    """What the audit log keeps of a version."""
    content = info.policy.to_json()
    del content["name"]
    return {"version": info.version, **content}
