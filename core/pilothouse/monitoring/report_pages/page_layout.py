"""What the pages of monitoring share beside the frame of every page: their foot and statuses."""

from __future__ import annotations

from importlib.metadata import version

from pilothouse.kit.pages import page_layout
from pilothouse.kit.pages.markup import Html, tag
from pilothouse.monitoring.report_pages.value_text import STATUS_TITLES, when
from pilothouse.storage import Store


def document(store: Store, title: str, *parts: Html, about: str) -> bytes:
    """The page as one file in UTF-8; its foot says `about`, when and by which version."""
    made = f"Made on {when(store.now())} by Pilothouse {version('pilothouse')}."
    return page_layout.document(title, *parts, foot=f"{about} {made}")


def badge(status: str) -> Html:
    """A status in a frame, coloured."""
    return tag("span", STATUS_TITLES.get(status, status.capitalize()), class_=f"badge {status}")
