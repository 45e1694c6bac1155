"""Writes an Evidently workspace with Evidently itself; only child processes import it."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pilothouse.monitoring.evidently_workspace.window_snapshots import (
    TABLE_HEAD,
    DashboardPanel,
    SnapshotValue,
    ValueVerdict,
    WindowSnapshot,
)

SIGNAL_TITLES = {
    "feature_drift": "Drift of the inputs",
    "prediction_drift": "Drift of the answers",
    "data_quality": "Data quality",
    "performance": "Performance",
    "recent_performance": "Performance of recent windows",
    "estimated_performance": "Estimated performance",
    "segments": "Segments",
    "fairness": "Fairness",
    "service": "Requests",
    "custom": "Custom checks",
    "skew": "Training-serving skew",
}


def write_workspace(
    folder: Path,
    project: str,
    description: str,
    snapshots: Sequence[WindowSnapshot],
    panels: Sequence[DashboardPanel],
    progress: Callable[[float], None] = lambda fraction: None,
) -> str:
    """Write a workspace with one project; the project's id."""
    os.environ["DO_NOT_TRACK"] = "1"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a library's own warnings must not fail the job
        from evidently.core.report import Snapshot
        from evidently.sdk.models import PanelMetric
        from evidently.sdk.panels import line_plot_panel
        from evidently.ui.workspace import Workspace

        workspace = Workspace.create(str(folder))
        created = workspace.create_project(project, description)
        for index, snapshot in enumerate(snapshots):
            workspace.add_run(created.id, Snapshot.load_model(_model(snapshot)))
            progress((index + 1) / len(snapshots))
        for panel in panels:
            series = [
                PanelMetric(legend=legend, metric=kind, metric_labels=labels)
                for legend, (kind, labels) in panel.series.items()
            ]
            created.dashboard.add_panel(line_plot_panel(panel.title, series), tab=panel.tab)
        return str(created.id)


def _model(snapshot: WindowSnapshot) -> Any:
    """The snapshot in Evidently's own model."""
    from evidently.core.metric_types import metric_tests_widget
    from evidently.core.report import metric_tests_stats
    from evidently.core.serialization import ReportModel, SnapshotModel
    from evidently.legacy.renderers.html_widgets import table_data

    results = {value.id: _result(value) for value in snapshot.values}
    tests = [test for result in results.values() for test in result.tests]
    tests += [_test(verdict, _config("unscored", "", {})) for verdict in snapshot.verdicts]
    tables = [
        table_data(
            title=SIGNAL_TITLES.get(signal, signal), column_names=list(TABLE_HEAD), data=rows
        )
        for signal, rows in snapshot.tables.items()
    ]
    return SnapshotModel(
        report=ReportModel(items=[]),
        name=snapshot.name,
        timestamp=snapshot.timestamp,
        metadata=snapshot.metadata,
        tags=list(snapshot.tags),
        metric_results=results,
        top_level_metrics=list(results),
        widgets=tables,
        tests_widgets=[metric_tests_stats(tests), metric_tests_widget(tests)],
    )


def _result(value: SnapshotValue) -> Any:
    from evidently.core.metric_types import MetricValueLocation, SingleValue

    config = _config(value.id, value.kind, value.labels)
    return SingleValue(
        display_name=value.title,
        value=value.value,
        metric_value_location=MetricValueLocation(config, {}),
        widget=[],
        tests=[] if value.verdict is None else [_test(value.verdict, config)],
    )


def _config(key: str, kind: str, labels: dict[str, str]) -> Any:
    from evidently.core.metric_types import MetricConfig

    return MetricConfig(metric_id=key, params={"type": f"evidently:metric_v2:{kind}", **labels})


def _test(verdict: ValueVerdict, config: Any) -> Any:
    from evidently.core.metric_types import MetricTestResult
    from evidently.legacy.tests.base_test import TestStatus

    return MetricTestResult(
        id="verdict",
        name=verdict.name,
        description=verdict.description,
        metric_config=config,
        test_config=dict(verdict.limits),
        status=TestStatus(verdict.state),
    )
