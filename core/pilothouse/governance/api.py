"""The API of governance: what was in production when, and why."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from pilothouse.governance import production
from pilothouse.governance.production import ProductionVersion
from pilothouse.storage.service import Service

if TYPE_CHECKING:
    import pandas as pd

PRODUCTION_COLUMNS = (
    "model", "version", "since", "by", "reason", "promotion", "requested_by", "evidence", "digest",
    "served_by",
)  # fmt: skip


class Governance(Service):
    """The history of what was decided, over all rooms."""

    def in_production(
        self, at: datetime | None = None, model: str | None = None
    ) -> list[ProductionVersion]:
        """Every version that was in production at an instant, why, and what served it then.

        Without an instant, now. A day is answered for its end when that is the instant.
        """
        with self._store.read() as session:
            return production.in_production(session, at or self._store.now(), model)

    def production_frame(self, at: datetime | None = None) -> pd.DataFrame:
        """The same as a frame: model, version, since, by, reason, promotion, evidence, served_by.

        `served_by` has the names of deployments, with their revision: `shop (revision 3)`.
        """
        import pandas as pd

        rows = [_row(version) for version in self.in_production(at)]
        frame = pd.DataFrame(rows, columns=list(PRODUCTION_COLUMNS))
        return frame.assign(since=pd.to_datetime(frame["since"], utc=True))


def _row(version: ProductionVersion) -> tuple[object, ...]:
    *names, _ = PRODUCTION_COLUMNS
    served = ", ".join(
        f"{served.deployment} (revision {served.revision})" for served in version.served_by
    )
    return (*(getattr(version, name) for name in names), served)
