"""A prediction log as people look at it: with the inputs masked that hold personal data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from sqlmodel import Session, select

from pilothouse.activity import record
from pilothouse.data.personal_data.masking import NOTHING_MASKED, Masking
from pilothouse.data.personal_data.personal_columns import masking_of_all
from pilothouse.deployments import commands
from pilothouse.deployments.prediction_log.stored_columns import feature_column
from pilothouse.deployments.tables import Revision
from pilothouse.kit.errors import require_reason
from pilothouse.people import require_right
from pilothouse.people.rights import PERSONAL_DATA
from pilothouse.registry.tables import ModelVersion
from pilothouse.storage import Store
from pilothouse.storage.service import Service

if TYPE_CHECKING:
    import pandas as pd


def masking_of_log(session: Session, name: str) -> Masking:
    """What is masked of a deployment's log: the marks of what its versions were trained on.

    Where a version names no dataset, or there is none, a mark of any dataset counts by its name.
    """
    query = select(Revision.model, Revision.version).where(Revision.deployment == name).distinct()
    datasets: set[str] = set()
    for model, version in session.exec(query):
        row = session.get(ModelVersion, (model, version))
        datasets.add("" if row is None else row.dataset.partition("@")[0])
    return masking_of_all(session, () if "" in datasets else sorted(datasets))


class MaskedLogCommands(Service):
    """Who may see what of a deployment's logged inputs."""

    def reveal(self, name: str, reason: str) -> list[str]:
        """Record that a person looks at the logged personal data unmasked; the inputs it is in.

        Raises NotFound, Invalid without a reason, Refused without the right `personal_data`.
        """
        require_reason(reason, "to reveal personal data")
        with self._store.write(durable=True) as session:
            commands.require(session, name)
            require_right(session, self._store, PERSONAL_DATA, "personal data is revealed")
            inputs = sorted(masking_of_log(session, name).kinds)
            record(
                session, self._store, "revealed", "deployment", name,
                after={"columns": inputs}, reason=reason,
            )  # fmt: skip
        return inputs


class TrueLog(Protocol):
    """What is read of logs before it is masked."""

    def predictions(
        self,
        name: str,
        start: datetime | None = None,
        end: datetime | None = None,
        columns: Iterable[str] | None = None,
        limit: int | None = None,
    ) -> pd.DataFrame: ...

    def find_predictions(self, name: str, ids: Sequence[str]) -> pd.DataFrame: ...


class MaskedLog:
    """Reads as `Deployments` does, and masks what it answers. Screens and commands read here.

    `revealed` are deployments whose personal data somebody has revealed to themselves.
    """

    def __init__(self, store: Store, deployments: TrueLog, revealed: Sequence[str] = ()) -> None:
        self._store = store
        self._deployments = deployments
        self._revealed = frozenset(revealed)

    def masking(self, name: str) -> Masking:
        """What is masked of a deployment's log now."""
        if name in self._revealed:
            return NOTHING_MASKED
        with self._store.read() as session:
            return masking_of_log(session, name)

    def predictions(
        self,
        name: str,
        start: datetime | None = None,
        end: datetime | None = None,
        columns: Iterable[str] | None = None,
        limit: int | None = None,
    ) -> pd.DataFrame:
        """Predictions as `Deployments.predictions` has them."""
        frame = self._deployments.predictions(name, start, end, columns, limit)
        return self._masked(name, frame)

    def find_predictions(self, name: str, ids: Sequence[str]) -> pd.DataFrame:
        """Predictions by their ids, as `Deployments.find_predictions` has them."""
        return self._masked(name, self._deployments.find_predictions(name, ids))

    def _masked(self, name: str, frame: pd.DataFrame) -> pd.DataFrame:
        masking = self.masking(name)
        return masking.frame(frame, {feature_column(column) for column in masking.kinds})
