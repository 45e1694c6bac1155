"""The audit of a torch file: of every pickle in its archive."""

from __future__ import annotations

from pilothouse.models.audit import Audit, Names, audit_of_names
from pilothouse.models.audit.archives import open_zip, zip_member
from pilothouse.models.audit.pickles import pickle_names


def audit_torch(data: bytes) -> Audit:
    """The audit of a torch file: of every pickle in its archive."""
    if not data.startswith(b"PK"):
        return audit_of_names({*pickle_names(data), ("", "(a torch file without an archive)")})
    archive = open_zip(data)
    names: Names = set()
    for info in archive.infolist():
        if info.filename.endswith((".pkl", ".pt", ".pth")):
            names |= _torch_names(zip_member(archive, info.filename))
        if "/code/" in info.filename or info.filename.startswith("code/"):
            names.add(("", "(a TorchScript program)"))
    return audit_of_names(names)


def _torch_names(data: bytes) -> Names:
    if data.startswith(b"PK"):
        inner = open_zip(data)
        inside = [info.filename for info in inner.infolist() if info.filename.endswith(".pkl")]
        return {pair for name in inside for pair in pickle_names(zip_member(inner, name))}
    return pickle_names(data)
