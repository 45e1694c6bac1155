"""Deployments that are served elsewhere: adding one, its page, and rows from a file."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from pilothouse.models.tasks import tasks
from pilothouse.registry.description import Description, parts_of
from pilothouse.workspace import Workspace
from pilothouse_app.features.deployments import external_form

NUMBER = Description("regression", target="price", unit="EUR", inputs={"area": "number"})


def shown(page) -> str:
    return "\n".join(str(part.value) for part in page.markdown)


def labels_of(page) -> list[str]:
    return [button.label for button in page.button]


def rows(count: int = 3) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id": [f"r{row}" for row in range(count)],
            "event_time": "2026-01-05T10:00:00Z",
            "area": [float(row) for row in range(count)],
            "prediction": [float(row) for row in range(count)],
        }
    )


@pytest.fixture
def prices(workspace: Workspace) -> Workspace:
    workspace.deployments.add_external("prices", description=NUMBER, reason="the batch job")
    return workspace


def add_dialog() -> None:
    from pilothouse_app.features.deployments.external import add_external

    add_external()


def form() -> None:
    import streamlit as st

    from pilothouse_app.features.deployments.external_form import describe_model

    st.session_state["missing"] = describe_model()[1]


def upload_dialog() -> None:
    from pilothouse_app.components.workspace import workspace
    from pilothouse_app.features.deployments.external import _upload

    _upload(workspace().deployments.deployment("prices"))


def test_a_model_is_described_from_the_first_rows_of_a_file(visit, workspace):
    page = AppTest.from_function(add_dialog, default_timeout=30).run()
    assert not page.exception
    page.selectbox(key="external_task").set_value("multiclass").run()
    content = b"id,petal,predict\n1,0.5,low\n2,0.7,mid\n3,0.1,high\n"
    page.file_uploader[0].set_value(("kinds.csv", content, "text/csv")).run()
    assert not page.exception
    boxes = {box.label: box for box in page.multiselect}
    assert boxes["Classes"].value == ["high", "low", "mid"]
    boxes["Inputs"].set_value(["petal"])
    chosen = {box.label: box for box in page.selectbox}
    chosen["What is sent"].set_value("label").run()
    page.text_input(key="external_name_").set_value("kinds").run()
    page.text_input(key="external_reason").set_value("sorted by the machine").run()
    page.button(key="external_go").click().run()
    info = workspace.deployments.deployment("kinds")
    assert (info.status, info.signature.classes) == ("external", ("high", "low", "mid"))
    assert (info.signature.gives, info.signature.names) == ("label", ("petal",))


def test_readable_levels_do_not_hide_that_the_classes_are_missing(visit, workspace, monkeypatch):
    parts = replace(parts_of(tasks.get("multiclass")), levels=True)
    monkeypatch.setattr(external_form, "parts_of", lambda task: parts)
    page = AppTest.from_function(form, default_timeout=30).run()
    page.selectbox(key="external_task").set_value("quantile").run()
    assert not page.exception
    assert page.session_state["missing"] == "Name the classes first"
    page.multiselect(key="external_quantile_0_classes").set_value(["low", "high"])
    page.text_input(key="external_quantile_0_levels").set_value("a half").run()
    assert page.session_state["missing"].startswith("Levels are numbers")


def test_a_page_offers_nothing_that_needs_a_process(visit, prices):
    prices.deployments.record_predictions("prices", rows())
    page = visit("deployment", name="prices")
    assert not page.exception
    assert "Add predictions" in labels_of(page)
    assert not {"Stop", "Roll back", "Swap version", "Retrain"} & set(labels_of(page))
    assert "not registered" in shown(page)
    frame = page.dataframe[0].value
    assert list(frame["prediction_id"]) == ["r2", "r1", "r0"]
    assert "latency_ms" not in frame


@pytest.mark.parametrize("view", ["Send", "Labels", "Revisions"])
def test_every_view_is_drawn(visit, prices, view):
    page = visit("deployment", name="prices", deployment_view=view)
    assert not page.exception
    if view == "Send":
        assert "/deployments/prices/predictions" in page.code[0].value


def test_the_list_names_it_without_processes(visit, prices):
    page = visit("deployments")
    assert not page.exception
    assert list(page.dataframe[0].value["version"]) == ["Not registered"]
    assert "Served elsewhere" in labels_of(page)


def test_a_file_is_added_and_its_bad_rows_are_listed(visit, prices):
    page = AppTest.from_function(upload_dialog, default_timeout=30).run()
    frame = rows(40).astype({"prediction": object})
    frame.loc[1, "prediction"] = "much"
    content = frame.to_csv(index=False).encode()
    page.file_uploader[0].set_value(("rows.csv", content, "text/csv")).run()
    assert not page.exception
    boxes = {box.label: box.value for box in page.selectbox}
    assert boxes == {
        "Prediction id": "id",
        "Event time": "event_time",
        "Label": "None",
        "Predicted price": "prediction",
    }
    page.text_input(key="predictions_reason").set_value("January").run()
    page.button(key="predictions_go").click().run()
    report = page.session_state["_prediction_report"]
    assert (report["accepted"], report["refused"]) == (39, 1)
    assert report["problems"][0]["message"] == "'much' is not a number"
    assert len(prices.deployments.predictions("prices")) == 39


def test_windows_of_an_unregistered_model_are_drawn(visit, prices):
    monitoring = prices.monitoring
    monitoring.monitor("prices", reference_rows=3)
    prices.deployments.record_predictions("prices", rows(300))
    start = pd.Timestamp("2026-01-05", tz="UTC").to_pydatetime()
    window = monitoring.evaluate("prices", start, start + pd.Timedelta(days=7).to_pytimedelta())
    for path, names in (("window", {"id": window}), ("monitoring", {}), ("home", {})):
        assert not visit(path, **names).exception, path
