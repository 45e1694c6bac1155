"""What people wrote in a sheet, as the revision of it that counts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol


class TextsRevision(Protocol):
    """A stored row of texts: what people wrote for a version, as a whole."""

    version: int
    revision: int
    texts: dict[str, str]
    written_by: str
    written_at: datetime


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

    @classmethod
    def of(cls, row: TextsRevision | None, version: int) -> WrittenTexts:
        """The texts that count for a version, from the newest row up to it; none without one."""
        if row is None:
            return cls()
        own = row.version == version
        return cls(
            texts=row.texts,
            revision=row.revision if own else 0,
            carried_from=None if own else row.version,
            written_by=row.written_by,
            written_at=row.written_at,
        )

    @property
    def digest(self) -> str:
        """SHA-256 of the texts; "" without any."""
        if not self.texts:
            return ""
        text = json.dumps(dict(self.texts), ensure_ascii=False, sort_keys=True)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def changed_texts(
    before: WrittenTexts, row: TextsRevision, names: Iterable[str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The values before and after an edit of these fields, as the audit log keeps them."""
    changed = [name for name in names if row.texts.get(name) != before.texts.get(name)]
    after = {name: row.texts.get(name, "") for name in changed} | {"revision": row.revision}
    return {name: before.texts.get(name, "") for name in changed}, after
