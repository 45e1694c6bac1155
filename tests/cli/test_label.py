"""Labels from a file on the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.serving import SIGNATURE, register
from pilothouse.deployments.prediction_log import log
from pilothouse.deployments.prediction_log.journal import Journal
from pilothouse.workspace import Workspace

Call = Callable[..., Any]


@pytest.fixture
def predicted(workspace: Workspace) -> Workspace:
    """A deployment that has answered the ids a and b."""
    register(workspace.store, "late", b"a model")
    workspace.deployments.launch("flights", "late", 1)
    journal = Journal(log.journal_folder(workspace.store.folder, "flights"))
    line = {"at": journal.stamp(), "version": 1, "rows": 2, "ms": 1.0, "status": 200}
    facts = {"ids": ["a", "b"], "model": "late", "event": [1_767_225_600_000] * 2}
    journal.predictions(1, SIGNATURE, line | facts | {"score": [0.5, 0.5], "columns": {}})
    journal.seal()
    return workspace


def test_a_file_labels_and_ids_without_a_prediction_are_named(
    call: Call, predicted: Workspace, tmp_path: Path
) -> None:
    file = tmp_path / "outcomes.csv"
    file.write_text("order;outcome\na;1\nb;0\nx;1\ny;\n", encoding="utf-8")
    columns = ("--id-column", "order", "--label-column", "outcome")
    label = ("deployments", "label", "flights", str(file), *columns)
    unmatched = tmp_path / "unmatched.csv"
    checked = call(*label, "--check", "--unmatched-to", str(unmatched))
    lines = [
        "3 labels of 4 rows, 2 with a prediction, 1 without, 0 corrected, 0 unchanged, 0 repeated, "
        "0 unreadable",
        "1 rows have no id or no label",
        "no prediction has the id x",
    ]
    assert checked.out.splitlines() == [*lines, f"1 ids are written to {unmatched}"]
    assert unmatched.read_text() == "prediction_id\nx\n"
    assert predicted.deployments.labels("flights").empty
    result = call(*label)
    assert result.code == 0
    assert result.out.splitlines() == lines
    assert len(predicted.deployments.labels("flights")) == 3


def test_a_file_whose_columns_cannot_be_told_is_refused(
    call: Call, predicted: Workspace, tmp_path: Path
) -> None:
    file = tmp_path / "outcomes.csv"
    file.write_text("order;outcome\na;1\n", encoding="utf-8")
    result = call("deployments", "label", "flights", str(file))
    assert result.code == 2
    assert "no column holds the ids" in result.err
