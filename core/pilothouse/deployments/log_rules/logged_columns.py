"""What a deployment logs: of which requests, and which inputs as they are, hashed, or not."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class LoggedColumns:
    """The inputs that the log drops, and those of which it has hashes; all others are as sent.

    `share` is that of the requests whose predictions are logged.
    """

    dropped: frozenset[str] = frozenset()
    hashed: tuple[str, ...] = ()
    share: float = 1.0

    def includes(self, prediction_ids: Sequence[str]) -> bool:
        """Whether the predictions of a request are logged.

        The first id decides, so that a request that is sent again has the same answer.
        """
        if self.share >= 1.0 or not prediction_ids:
            return True
        return zlib.crc32(prediction_ids[0].encode()) < self.share * 2**32


ALL_COLUMNS = LoggedColumns()
