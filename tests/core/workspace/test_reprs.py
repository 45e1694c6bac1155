"""What a notebook shows of a workspace is short and says what it is."""

from __future__ import annotations

import pandas as pd

from pilothouse.workspace import Workspace

ROOMS = (
    "activity",
    "data",
    "deployments",
    "experiments",
    "jobs",
    "monitoring",
    "pipelines",
    "registry",
    "training",
)


def test_rooms_say_whose_they_are(workspace: Workspace) -> None:
    for room in ROOMS:
        text = repr(getattr(workspace, room))
        assert text == f"<{room.title()} of {workspace.folder}>"


def test_facts_are_one_short_line(workspace: Workspace) -> None:
    version = workspace.data.register("ships", pd.DataFrame({"mast": [1, 2], "flag": ["a", "b"]}))
    run = workspace.experiments.run(workspace.experiments.start("first", "calm-heron-12"))
    assert repr(version) == "<dataset version ships@1, 2 rows x 2 columns>"
    assert repr(run) == f"<run calm-heron-12 ({run.id}) of 'first', running>"
