"""Datasheets: made from content, written by people, carried over, exported, sealed."""

from __future__ import annotations

import pandas as pd
import pytest

from pilothouse.data.datasheets.datasheet_fields import DATASHEET_FIELDS, SECTIONS
from pilothouse.kit.errors import Invalid, NotFound
from pilothouse.workspace import Workspace
from pilothouse.workspace.checks import checks

WRITTEN = {
    field.key: f"about {field.title.lower()}" for field in DATASHEET_FIELDS if field.required
}
FRAME = pd.DataFrame(
    {
        "at": pd.date_range("2026-01-01", periods=6, freq="D", tz="UTC"),
        "plan": ["a", "b", "a", None, "a", "b"],
        "charges": [1.5, 2.5, 3.0, 4.0, 5.0, 9.0],
    }
)


@pytest.fixture
def visits(workspace: Workspace) -> Workspace:
    tags = {"sensitive": "plan"}
    workspace.data.register("visits", FRAME, origin="the shop", event_time="at", tags=tags)
    return workspace


def test_a_datasheet_has_seven_sections_and_what_the_content_says(visits: Workspace) -> None:
    datasheet = visits.data.datasheet("visits")
    assert [section.title for section in datasheet.sheet.sections] == list(SECTIONS.values())
    entries = {entry.key: entry.text for entry in datasheet.sheet.entries}
    assert entries["columns"] == "3 (1 time, 1 text, 1 number)"
    assert entries["missing"] == "5.6%"
    assert entries["time_frame"] == "2026-01-01 to 2026-01-06 (at)"
    assert (entries["tagged"], entries["source"]) == ("plan", "the shop")
    # The licence was not recorded: people are asked for it, and not for the source.
    assert {entry.key for entry in datasheet.sheet.missing} == {*WRITTEN, "licence_note"}
    assert "| plan | text | 16.7% | 2 | a, b |" in datasheet.markdown()
    page = datasheet.html().decode()
    assert 'aria-label="Missing values by column"' in page
    assert "<script" not in page


def test_a_datasheet_becomes_complete_and_is_carried_over(visits: Workspace) -> None:
    changes = {**WRITTEN, "licence_note": "CC0"}
    assert visits.data.edit_datasheet("visits@1", changes, "told").is_complete
    visits.data.register("visits", FRAME.assign(charges=0.5), origin="the shop")
    carried = visits.data.datasheet("visits@2").texts
    assert (carried.texts, carried.carried_from) == (changes, 1)
    assert visits.data.edit_datasheet("visits@2", {}).texts.carried_from is None
    with pytest.raises(Invalid):
        visits.data.edit_datasheet("visits@2", {"colour": "red"})
    with pytest.raises(NotFound):
        visits.data.datasheet("nothing")


def test_what_people_wrote_is_sealed_and_deleted_with_its_version(visits: Workspace) -> None:
    visits.data.edit_datasheet("visits", {"purpose": "who buys"})
    assert checks.get("records")(visits.store).ok
    visits.data.delete("visits@1")
    assert checks.get("records")(visits.store).ok
