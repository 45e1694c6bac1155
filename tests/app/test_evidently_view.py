"""Evidently on Monitoring: exports of windows, and imported snapshots beside ours."""

from __future__ import annotations

import json
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from harness.evidently_files import evidently_result, evidently_snapshot
from pilothouse.workspace import Workspace
from pilothouse_app.features.monitoring.evidently import REPORT


def seen(page: AppTest) -> str:
    return "\n".join(str(each.value) for each in page.markdown)


def export_dialog() -> None:
    from pilothouse_app.components.workspace import workspace
    from pilothouse_app.features.monitoring.evidently import export_windows

    export_windows("late", workspace().monitoring.windows("late"))


def import_dialog() -> None:
    from pilothouse_app.features.monitoring.evidently import import_snapshots

    import_snapshots("late")


def test_windows_are_exported_by_a_job(tour: Any, served: Workspace) -> None:
    page = tour("monitoring", monitoring_view="Evidently")
    assert not page.exception
    assert "No snapshot has been imported" in seen(page)
    dialog = AppTest.from_function(export_dialog, default_timeout=30).run()
    dialog.button(key="evidently_span_go").click().run()
    assert not dialog.exception
    [export] = served.monitoring.evidently_exports("late")
    assert export.windows == len(served.monitoring.windows("late"))
    assert (export.status, served.jobs.job(export.job_id).status) == ("queued", "queued")
    page = tour("monitoring", monitoring_view="Evidently")
    assert page.dataframe[0].value["windows"].tolist() == [export.windows]
    assert not list(page.get("download_button"))  # nothing to download yet


@pytest.mark.parametrize("kind", ["good", "damaged"])
def test_snapshots_are_imported_by_upload(tour: Any, served: Workspace, kind: str) -> None:
    start = served.monitoring.windows("late")["start"].iloc[-1]
    at = start.replace(tzinfo=None).isoformat()
    content = evidently_snapshot(timestamp=at, name="their week")
    page = tour("monitoring", monitoring_view="Evidently")
    dialog = AppTest.from_function(import_dialog, default_timeout=30).run()
    upload = content if kind == "good" else content[:50]
    dialog.file_uploader[0].set_value([("run.json", upload, "application/json")]).run()
    dialog.button(key="evidently_import_go").click().run()
    assert not dialog.exception
    page.session_state[REPORT] = dialog.session_state[REPORT]
    page.run()
    assert len(served.monitoring.evidently_snapshots("late")) == int(kind == "good")
    tables = [frame.value for frame in page.dataframe]
    if kind == "damaged":
        assert "is not JSON" in tables[0]["reason"].iloc[0]
        return
    figures = tables[-1]
    assert figures["title"].tolist() == ["temp"]
    assert figures["status"].iloc[0] == ["Failing"]
    assert figures["our_score"].notna().all()


def test_a_file_that_holds_no_snapshots_is_an_error_in_the_dialog(
    tour: Any, served: Workspace
) -> None:
    tour("monitoring", monitoring_view="Evidently")
    dialog = AppTest.from_function(import_dialog, default_timeout=30).run()
    dialog.file_uploader[0].set_value([("a.zip", b"no zip", "application/zip")]).run()
    dialog.button(key="evidently_import_go").click().run()
    assert "not a readable zip" in dialog.error[0].value


def test_imported_snapshots_are_named_without_a_name(tour: Any, served: Workspace) -> None:
    result = evidently_result(value=0.02)
    content = evidently_snapshot(name="", metric_results={"a": result, "b": json.loads("null")})
    served.monitoring.import_evidently_file("late", "run.json", content)
    page = tour("monitoring", monitoring_view="Evidently")
    assert not page.exception
    assert "Figures of 2013-03-06" in seen(page)
