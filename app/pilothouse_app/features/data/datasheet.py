"""The datasheet of a dataset version: read, written, confirmed for this version, downloaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pilothouse.data.datasheets.datasheet_fields import SECTIONS
from pilothouse_app.components.sheet_view import SheetView, sheet_view
from pilothouse_app.components.workspace import workspace

if TYPE_CHECKING:
    from pilothouse.data.info import DatasetVersionInfo


def datasheet_view(version: DatasetVersionInfo) -> None:
    """The datasheet as it is made from the content and from what people wrote."""
    data = workspace().data
    datasheet = data.datasheet(version.ref)
    sheet_view(
        SheetView(
            noun="datasheet",
            ref=version.ref,
            sheet=datasheet.sheet,
            texts=datasheet.texts,
            fields=datasheet.fields,
            sections=SECTIONS,
            markdown=datasheet.markdown,
            html=datasheet.html,
            filename=f"{version.dataset}-{version.version}-datasheet",
            save=lambda changes, reason: data.edit_datasheet(version.ref, changes, reason),
        )
    )
