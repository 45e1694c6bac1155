"""The API of comments, for screens, commands and notebooks."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from pilothouse.comments import threads
from pilothouse.comments.threads import CommentInfo
from pilothouse.storage.service import Service

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("id", "author", "text", "created_at", "edited_at", "removed_at", "mentions")


class Comments(Service):
    """What people wrote about runs, versions, promotions, alerts, windows and deployments."""

    def comments(self, kind: str, ref: str) -> list[CommentInfo]:
        """The comments on an object, oldest first; removed ones have no text."""
        with self._store.read() as session:
            return threads.comments_on(session, kind, ref)

    def frame(self, kind: str, ref: str) -> pd.DataFrame:
        """The same as a frame of `COLUMNS`. Raises Invalid for a kind, NotFound for an object."""
        import pandas as pd

        from pilothouse.comments.objects import require_object

        with self._store.read() as session:
            require_object(session, kind, ref)
        rows = [
            {**asdict(comment), "mentions": ", ".join(comment.mentions)}
            for comment in self.comments(kind, ref)
        ]
        return pd.DataFrame(rows, columns=list(COLUMNS))

    def add(self, kind: str, ref: str, text: str) -> CommentInfo:
        """Write a comment as Markdown; names of people behind an at sign are told of it.

        Raises NotFound for an object, Invalid for a kind and without a text, PersonNeeded when
        nobody is chosen.
        """
        with self._store.write() as session:
            return threads.add(session, self._store, kind, ref, text)

    def edit(self, comment: str, text: str) -> CommentInfo:
        """Change the text of an own comment; the audit log keeps the one before.

        Raises NotFound, Refused for the comment of somebody else, Conflict for a removed one.
        """
        with self._store.write() as session:
            return threads.edit(session, self._store, comment, text)

    def remove(self, comment: str, reason: str = "") -> None:
        """Remove an own comment; that there was one stays, and the audit log keeps its text.

        Raises NotFound, Refused for the comment of somebody else, Conflict for a removed one.
        """
        with self._store.write() as session:
            threads.remove(session, self._store, comment, reason)
