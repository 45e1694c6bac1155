"""The page about searching tells everything that can be asked, and nothing that cannot."""

from __future__ import annotations

import re
from pathlib import Path

from pilothouse.experiments import RunFilter
from pilothouse.workspace import Workspace

PAGE = (Path(__file__).parents[4] / "docs" / "search.md").read_text(encoding="utf-8")


def test_what_the_page_about_searching_shows_can_be_asked(fleet: Workspace) -> None:
    examples = [
        *re.findall(r"```\n(metrics.*)\n```", PAGE),
        *re.findall(r'(?:--filter |query=)"([^"]+)"', PAGE),
        *re.findall(r"`((?:not )?(?:created|tags\.team|params\.depth|name) [^`]*\d[^`]*)`", PAGE),
    ]
    assert len(examples) > 5
    for text in examples:
        assert fleet.experiments.count(RunFilter(query=text)) >= 0, text


def test_every_field_is_on_the_page_about_searching(fleet: Workspace) -> None:
    for field in fleet.experiments.query_fields():
        entity, _, key = field.name.partition(".")
        names = {f"`{entity}.<key>`", f"`{entity}.{key}`", f"`.{key}`"} if key else {f"`{entity}`"}
        assert any(name in PAGE for name in names), field.name
