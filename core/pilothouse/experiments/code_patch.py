"""Uncommitted code as a file of the run that started from it; failures never stop a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlmodel import Session

from pilothouse.experiments import recording
from pilothouse.experiments.provenance import git
from pilothouse.storage import Store


@dataclass(frozen=True)
class Program:
    """The code that is about to run, and the digest of its stored uncommitted changes."""

    identity: git.CodeIdentity
    patch: str = ""
    size: int = 0


def program(store: Store, folder: Path) -> Program:
    """The code of a folder, with its changes stored; call it before a transaction: git is slow."""
    code = git.identity(folder)
    changed = git.patch(folder) if code.dirty and store.settings.code_patch else None
    if changed is None:
        return Program(code)
    try:
        return Program(code, store.artifacts.put_bytes(changed), len(changed))
    except OSError:  # a full or missing disk stops the run elsewhere, with a better message
        return Program(code)


def log_patch(session: Session, run_id: str, running: Program) -> None:
    """Add the stored changes as a file of the run, when there are any."""
    if running.patch:
        recording.log_artifact(session, run_id, git.PATCH, running.patch, running.size)
