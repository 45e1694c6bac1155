"""What people wrote in a sheet, as the revision of it that counts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class WrittenTexts:
    """Texts by field; `carried_from` is the version they were written for, None for its own.

    `revision` is 0 while nothing was saved for the version itself.
    """

    texts: Mapping[str, str] = field(default_factory=dict)
    revision: int = 0
    carried_from: int | None = None
    written_by: str = ""
    written_at: datetime | None = None

    @property
    def digest(self) -> str:
        """SHA-256 of the texts; "" without any."""
        if not self.texts:
            return ""
        text = json.dumps(dict(self.texts), ensure_ascii=False, sort_keys=True)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
