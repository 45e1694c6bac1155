"""The archive of the whole flights demo, imported: every query answers the same."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harness.archived_workspace import archived
from harness.demo_workspace import run_demo
from harness.every_query import answers, known_values
from pilothouse.kit.clock import FixedClock
from pilothouse.workspace.checks import run_all

pytestmark = [pytest.mark.proof, pytest.mark.long, pytest.mark.timeout(3_600)]


def test_the_imported_demo_answers_every_query_as_before(tmp_path: Path) -> None:
    """`PILOTHOUSE_DEMO` may name the closed workspace of a demo that has ended."""
    demo = Path(os.environ.get("PILOTHOUSE_DEMO") or tmp_path / "workspace")
    if not demo.exists():
        run_demo(demo, None, "week of 15 Apr")
    both = archived(demo, tmp_path / "pair", FixedClock(datetime(2026, 12, 1, 12, tzinfo=UTC)))
    known = known_values(both.expected)
    before, after = answers(both.expected, known), answers(both.imported, known)
    assert {call: after.get(call) for call in before} == before
    verdicts = run_all(both.imported.store)
    assert {name: v.message for name, v in verdicts.items() if not v.ok} == {}
