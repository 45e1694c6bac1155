"""What the API of exports says: offers, previews and written archives."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pilothouse.kit.parameters import Parameter


@dataclass(frozen=True)
class ExportOffer:
    """A target for one version; `reason` says why it cannot take it, "" when it can."""

    target: str
    title: str
    description: str
    parameters: tuple[Parameter, ...]
    reason: str


@dataclass(frozen=True)
class ExportPreview:
    """What an export would write: paths, what is carried over, and what cannot be and why."""

    ref: str
    target: str
    title: str
    filename: str
    paths: tuple[str, ...]
    carried: tuple[str, ...]
    left_out: tuple[str, ...]
    notes: tuple[str, ...]
    steps: str


@dataclass(frozen=True)
class ExportedArchive:
    """An archive that was written, and what it says."""

    path: Path
    sha256: str
    bytes: int
    preview: ExportPreview
