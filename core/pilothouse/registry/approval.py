"""Approvals: a named person lets a version's own code run, with a reason, and can revoke it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from pilothouse.activity import record
from pilothouse.kit.errors import Conflict, require_reason
from pilothouse.people import require_right
from pilothouse.people.rights import APPROVE
from pilothouse.registry import versions
from pilothouse.registry.code_audit import AuditInfo
from pilothouse.registry.info import VersionInfo
from pilothouse.registry.tables import CodeApproval
from pilothouse.registry.trust import is_approved
from pilothouse.storage import Store

MAX_RECORDED = 200  # names in the entry of the audit log; the approval itself has all of them


@dataclass(frozen=True)
class ApprovalInfo:
    """Who approved a version's own code, and what the person was shown."""

    imports: tuple[str, ...]
    reason: str
    approved_by: str
    approved_at: datetime
    revoked_by: str = ""
    revoked_at: datetime | None = None
    revoke_reason: str = ""

    @property
    def is_valid(self) -> bool:
        """Whether nobody revoked it."""
        return self.revoked_at is None


def find(session: Session, model: str, version: int) -> ApprovalInfo | None:
    """The newest approval of a version; None when there was none. Raises NotFound."""
    versions.require(session, model, version)
    row = session.get(CodeApproval, (model, version))
    if row is None:
        return None
    return ApprovalInfo(
        imports=tuple(row.imports),
        reason=row.reason,
        approved_by=row.approved_by,
        approved_at=row.approved_at,
        revoked_by=row.revoked_by,
        revoked_at=row.revoked_at,
        revoke_reason=row.revoke_reason,
    )


def approve(
    session: Session, store: Store, version: VersionInfo, audit: AuditInfo, reason: str
) -> None:
    """Approve the own code of a version, with what its files import.

    Raises Conflict when there is nothing to approve, Invalid without a reason, PersonNeeded when
    nobody is chosen, Refused for whoever may not approve.
    """
    require_right(session, store, APPROVE, "code is approved")
    require_reason(reason, "an approval")
    if audit.message:
        raise Conflict(f"the files of {version.ref} cannot be read: {audit.message}.")
    if not audit.is_own_code:
        raise Conflict(
            f"{version.ref} needs no approval: its files hold {audit.badge}.",
        )
    if is_approved(session, version):
        raise Conflict(f"the code of {version.ref} is approved already.")

    session.merge(
        CodeApproval(
            model=version.model,
            version=version.version,
            digest=version.digest,
            imports=list(audit.imports),
            reason=reason,
            approved_by=store.actor,
            approved_at=store.now(),
        )
    )
    session.flush()
    after = {
        "digest": version.digest,
        "imports": list(audit.imports[:MAX_RECORDED]),
        "unknown": list(audit.unknown[:MAX_RECORDED]),
    }
    record(session, store, "approved code", "version", version.ref, after=after, reason=reason)


def revoke(session: Session, store: Store, version: VersionInfo, reason: str) -> None:
    """Revoke an approval: the version is not loaded again; processes that run are not ended.

    Raises Conflict when nothing is approved, Invalid without a reason.
    """
    require_reason(reason, "a revocation")
    row = session.get(CodeApproval, (version.model, version.version))
    if row is None or row.revoked_at is not None:
        raise Conflict(f"the code of {version.ref} is not approved.")

    row.revoked_by, row.revoked_at, row.revoke_reason = store.actor, store.now(), reason
    session.add(row)
    session.flush()
    before = {"approved_by": row.approved_by, "digest": row.digest}
    record(session, store, "revoked code", "version", version.ref, before=before, reason=reason)
