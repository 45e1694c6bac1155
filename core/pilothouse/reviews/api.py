"""The API of reviews, for screens, commands and notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pilothouse.reviews import meetings
from pilothouse.reviews.meetings import AgendaItem, ReviewInfo
from pilothouse.reviews.minutes import Minutes, minutes_of
from pilothouse.reviews.minutes_text import to_html, to_markdown
from pilothouse.storage.service import Service

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("id", "title", "started_at", "started_by", "ended_at", "items", "people")


class Reviews(Service):
    """Meetings over what waits for people. One is held at a time."""

    def reviews(self) -> list[ReviewInfo]:
        """Every review, the newest first."""
        with self._store.read() as session:
            return meetings.reviews(session)

    def frame(self) -> pd.DataFrame:
        """The same as a frame of `COLUMNS`."""
        import pandas as pd

        rows = [
            (r.id, r.title, r.started_at, r.started_by, r.ended_at, len(r.agenda), len(r.people))
            for r in self.reviews()
        ]
        frame = pd.DataFrame(rows, columns=list(COLUMNS))
        instants = ("started_at", "ended_at")
        return frame.assign(**{name: pd.to_datetime(frame[name], utc=True) for name in instants})

    def agenda(self) -> tuple[AgendaItem, ...]:
        """What a review that started now would be about."""
        with self._store.read() as session:
            return meetings.agenda(session, self._store.now())

    def start(self, title: str, people: Sequence[str] = ()) -> ReviewInfo:
        """Begin a review of what waits now; whoever starts it is one of its people.

        Raises Conflict while another is open, Invalid for a title, PersonNeeded when nobody is
        chosen.
        """
        with self._store.write(durable=True) as session:
            return meetings.start(session, self._store, title, tuple(people))

    def current(self) -> ReviewInfo | None:
        """The review that is being held; None when there is none."""
        with self._store.read() as session:
            return meetings.open_review(session)

    def review(self, review_id: str) -> ReviewInfo:
        """A review by its id. Raises NotFound."""
        with self._store.read() as session:
            return meetings.require(session, review_id)

    def note(self, review_id: str, item: str, text: str) -> None:
        """Write down what was said of an item of the agenda.

        Raises NotFound, Conflict when the review has ended, Invalid for the text.
        """
        with self._store.write() as session:
            meetings.add_note(session, self._store, review_id, item, text)

    def end(self, review_id: str) -> ReviewInfo:
        """End a review: its minutes are written and their digest goes to the audit log.

        Raises NotFound, Conflict when it has ended already.
        """
        text = to_markdown(self.minutes(review_id)).encode("utf-8", errors="replace")
        with self._store.write(durable=True) as session:
            return meetings.end(session, self._store, review_id, text)

    def minutes(self, review_id: str) -> Minutes:
        """What was decided, by whom and why, up to the end or up to now. Raises NotFound."""
        with self._store.read() as session:
            return minutes_of(session, review_id, self._store.now())

    def minutes_markdown(self, review_id: str) -> str:
        """The minutes as Markdown. Raises NotFound."""
        return to_markdown(self.minutes(review_id))

    def minutes_html(self, review_id: str) -> bytes:
        """The minutes as one HTML file that prints as PDF. Raises NotFound."""
        return to_html(self.minutes(review_id), self._store.now())
