"""Whether a version's files may be loaded: the one question that every launch asks.

Files that a training here wrote are loaded. Files from elsewhere are loaded when they hold data
only, or name only classes of known libraries, or a person approved the version's own code. The
model process enforces the same: without an approval it unpickles the classes on its list only.
"""

from __future__ import annotations

from sqlmodel import Session

from pilothouse.experiments import trusted_models
from pilothouse.kit.errors import Refused
from pilothouse.registry import code_audit
from pilothouse.registry.info import VersionInfo
from pilothouse.registry.tables import CodeApproval
from pilothouse.storage import Store

NEEDS_APPROVAL = "loading it runs its author's own code, which nobody has approved"
APPROVE = "Read on the version's page what it imports, then approve its code or leave it."
NO_FORMAT = "no model format can load its files"
REGISTER = "Register the model again, with the files that its library wrote."


def reason_against(session: Session, store: Store, version: VersionInfo) -> str:
    """Why the version must not be loaded now, as a clause; empty when it may be.

    An audit that is not stored yet is made: it reads the files.
    """
    if trusted_models.is_written(session, version.digest):
        return ""
    if version.package is None:
        return trusted_models.WHY
    audit = code_audit.find(session, version.package)
    if audit is None:
        audit, _ = code_audit.read(store, version.package)
    if audit.message:
        return f"its files cannot be read: {audit.message}"
    return NEEDS_APPROVAL if audit.is_own_code and not is_approved(session, version) else ""


def prepare(store: Store, version: VersionInfo) -> None:
    """Store the audit of a version, so that asking within a transaction reads no files."""
    if version.package is not None:
        code_audit.audit(store, version.package)


def require_loadable(session: Session, store: Store, version: VersionInfo) -> None:
    """Raises Refused, which names the version and says what to do, unless it may be loaded."""
    reason = reason_against(session, store, version)
    if reason:
        hints = {NEEDS_APPROVAL: APPROVE, trusted_models.WHY: trusted_models.HINT}
        hint = hints.get(reason, REGISTER)
        raise Refused(f"{version.ref} cannot be loaded: {reason}.", hint=hint)


def is_approved(session: Session, version: VersionInfo) -> bool:
    """Whether a person approved the own code of these very files, and nobody revoked it."""
    approval = session.get(CodeApproval, (version.model, version.version))
    if approval is None or approval.revoked_at is not None:
        return False
    return approval.digest == version.digest
