"""Run by a test in a process of its own: exports with Evidently, reads it back, makes snapshots.

python evidently_process.py SETTINGS EXPORT FOLDER
"""

from __future__ import annotations

import json
import os
import sys
import warnings
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

os.environ["DO_NOT_TRACK"] = "1"
warnings.simplefilter("ignore")


def main(settings: str, export: str, folder: Path) -> None:
    """Write `read.json`, what Evidently reads in our export, and `theirs`, its own workspace."""
    from pilothouse.jobs import Progress
    from pilothouse.kit.settings import Settings
    from pilothouse.monitoring.evidently_workspace.export_job import export_job
    from pilothouse.storage import open_store

    store = open_store(Settings.model_validate_json(settings))
    made = export_job(store, Progress(store, None), export)
    assert export_job(store, Progress(store, None), export) == made
    packed = folder / "ours.zip"
    packed.write_bytes(store.artifacts.read(made["digest"]))
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(folder / "ours")
    (folder / "read.json").write_text(json.dumps(_read(folder / "ours" / "workspace")))
    _make(folder / "theirs")


def _read(folder: Path) -> dict[str, Any]:
    """What Evidently's own workspace, and the data of its dashboard, say."""
    import asyncio
    from uuid import UUID

    from evidently.ui.service.base import SeriesFilter
    from evidently.ui.service.storage.local.base import InMemoryDataStorage, LocalState
    from evidently.ui.workspace import Workspace

    workspace = Workspace(str(folder))
    [project] = workspace.list_projects()
    runs = [workspace.get_run(project.id, run) for run in workspace.list_runs(project.id)]
    dashboard = project.dashboard.model()
    storage = InMemoryDataStorage(str(folder), LocalState.load(str(folder), None))
    series: dict[str, Any] = {}
    for panel in dashboard.panels:
        filters = [
            SeriesFilter(
                metric=item.metric,
                tags=item.tags,
                metadata=item.metadata,
                metric_labels=item.metric_labels,
            )
            for item in panel.values
        ]
        answer = asyncio.run(storage.get_data_series(UUID(str(project.id)), filters, None, None))
        series[panel.title] = [item.values for item in answer.series]
    return {
        "project": project.name,
        "runs": [json.loads(run.json()) for run in runs if run is not None],
        "tabs": {tab.title: len(tab.panels) for tab in dashboard.tabs},
        "series": series,
    }


def _make(folder: Path) -> None:
    """A workspace with two runs on the same data, as people make one; the second has tests."""
    import numpy as np
    import pandas as pd
    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import MeanValue, ValueDrift
    from evidently.presets import DataDriftPreset
    from evidently.ui.workspace import Workspace

    draw = np.random.default_rng(1)
    definition = DataDefinition(numerical_columns=["temp"], categorical_columns=["carrier"])

    def data(mean: float) -> Any:
        frame = pd.DataFrame(
            {"temp": draw.normal(mean, 1, 300), "carrier": draw.choice(["AA", "B6"], 300)}
        )
        return Dataset.from_pandas(frame, definition)

    workspace = Workspace.create(str(folder))
    project = workspace.create_project("their project")
    reference = data(0)
    metrics = [
        DataDriftPreset(),
        MeanValue(column="temp"),
        ValueDrift(column="temp", method="wasserstein"),
        ValueDrift(column="temp", method="anderson"),
        ValueDrift(column="carrier", method="jensenshannon"),
    ]
    current = data(1)
    for number in range(2):
        report = Report(metrics, include_tests=number == 1, tags=["weekly"])
        at = datetime(2013, 3, 6 + 7 * number)
        snapshot = report.run(current, reference, timestamp=at, name=f"week {number}")
        workspace.add_run(project.id, snapshot)
    snapshot.save_json(str(folder.parent / "short.json"))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
