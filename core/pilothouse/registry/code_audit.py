"""Audits: what loading a version's files would import, read without loading them, and stored.

Files are addressed by their content, so that an audit never changes while the lists of this release
stay the same.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib.metadata import version

from sqlmodel import Session

from pilothouse.kit.errors import PilothouseError
from pilothouse.models.audit import OWN_CODE
from pilothouse.models.formats import format_of
from pilothouse.models.package import ModelPackage
from pilothouse.registry.model_files import unpacked
from pilothouse.registry.tables import CodeAudit
from pilothouse.storage import Store


@dataclass(frozen=True)
class AuditInfo:
    """The badge of a model from elsewhere, and the names that loading it would import.

    `unknown` are those that make it own code. `message` says why its files cannot be read: such a
    version is never loaded, and no approval helps.
    """

    badge: str
    imports: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    message: str = ""

    @property
    def is_own_code(self) -> bool:
        """Whether a person has to approve it before it is loaded."""
        return self.badge == OWN_CODE


def find(session: Session, package: ModelPackage) -> AuditInfo | None:
    """The stored audit; None before the first."""
    row = session.get(CodeAudit, audit_id(package))
    if row is None:
        return None
    return AuditInfo(row.badge, tuple(row.imports), tuple(row.unknown), row.message)


def audit(store: Store, package: ModelPackage) -> AuditInfo:
    """The audit of a package: the stored one, or else a new one, which is then stored.

    It reads the files, so that it must not be called within a transaction that writes.
    """
    with store.read() as session:
        stored = find(session, package)
    if stored is not None:
        return stored

    result, is_lasting = read(store, package)
    if is_lasting:
        with store.write() as session:
            session.merge(_row(store, package, result))
    return result


def read(store: Store, package: ModelPackage) -> tuple[AuditInfo, bool]:
    """A new audit, and whether it holds for as long as the files do: a lost file may come back."""
    try:
        with unpacked(store, package) as folder:
            result = format_of(package).audit(folder, package)
    except PilothouseError as refused:
        return AuditInfo(OWN_CODE, message=refused.message.rstrip(".")), refused.status < 500
    return AuditInfo(result.badge, result.imports, result.unknown), True


def audit_id(package: ModelPackage) -> str:
    """A digest of the package, and of the release whose lists the audit uses."""
    return hashlib.sha256(f"{version('pilothouse')} {package_id(package)}".encode()).hexdigest()


def package_id(package: ModelPackage) -> str:
    """A digest of everything in the package."""
    return hashlib.sha256(json.dumps(package.to_json(), sort_keys=True).encode()).hexdigest()


def _row(store: Store, package: ModelPackage, result: AuditInfo) -> CodeAudit:
    return CodeAudit(
        id=audit_id(package),
        badge=result.badge,
        imports=list(result.imports),
        unknown=list(result.unknown),
        message=result.message,
        audited_at=store.now(),
    )
