"""The model card of a version: read, written, confirmed for this version, downloaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pilothouse.registry.cards.card_fields import SECTIONS
from pilothouse_app.components.sheet_view import SheetView, sheet_view
from pilothouse_app.components.workspace import workspace

if TYPE_CHECKING:
    from pilothouse.registry.info import VersionInfo


def card_view(version: VersionInfo) -> None:
    """The card as it is made from what is known now."""
    sheet_view(card_of(version.model, version.version))


def card_of(model: str, version: int) -> SheetView:
    """The card of a version, ready to be drawn and edited."""
    registry = workspace().registry
    card = registry.card(model, version)
    return SheetView(
        noun="card",
        ref=card.ref,
        sheet=card.sheet,
        texts=card.texts,
        fields=card.fields,
        sections=SECTIONS,
        markdown=card.markdown,
        html=card.html,
        filename=f"{model}-{version}-card",
        save=lambda changes, reason: registry.edit_card(model, version, changes, reason),
    )
