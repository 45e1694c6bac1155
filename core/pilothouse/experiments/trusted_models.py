"""Which model files a training here wrote: unpickling runs code, so that others are refused.

The training records the digest of a file when it writes it. What a client uploads under the same
path of a run has another digest, or was written here in the first place.
"""

from __future__ import annotations

from sqlmodel import Session

from pilothouse.experiments.tables import WrittenModel
from pilothouse.kit.errors import Refused
from pilothouse.storage import Store

WHY = "its model file was not written by a training here, so it is never unpickled"
HINT = "Train it here: on the run's page choose Train again, or start a new training on its data."


def record_written(session: Session, store: Store, digest: str, run_id: str) -> None:
    """Record that a training wrote a model file; a digest that is recorded stays as it is."""
    if session.get(WrittenModel, digest) is None:
        session.add(WrittenModel(digest=digest, run_id=run_id, written_at=store.now()))
        session.flush()


def is_written(session: Session, digest: str) -> bool:
    """Whether a training here wrote the file with this digest."""
    return session.get(WrittenModel, digest) is not None


def require_written(session: Session, digest: str, name: str) -> None:
    """Raises Refused, which names the model, unless a training here wrote its file."""
    if not is_written(session, digest):
        raise Refused(f"{name} cannot be loaded: {WHY}.", hint=HINT)
