"""Access to a deployment on its page: keys are made, shown once and revoked, limits are set."""

from __future__ import annotations

import json

import pytest
from streamlit.testing.v1 import AppTest

from pilothouse.deployments.access.key_ring import CallLimits
from pilothouse.deployments.gateway.metrics import LookupFigures
from pilothouse.features import store_rows
from pilothouse.features.tables import FeatureStoreRow
from pilothouse.registry import stages, versions


def shown(page) -> str:
    tiles = [f"{tile.label} {tile.value} {tile.delta}" for tile in page.metric]
    return "\n".join([*(str(each.value) for each in page.markdown), *tiles])


def key_script() -> None:
    """The dialog of a new key, and the view behind it."""
    from pilothouse_app.components.workspace import workspace
    from pilothouse_app.features.deployments.access import access_view, create_key

    access_view(workspace().deployments.deployment("late"))
    if not workspace().deployments.api_keys():
        create_key("late")


def limits_script() -> None:
    """The dialog of limits."""
    from pilothouse_app.features.deployments.access import change_limits

    change_limits("late")


@pytest.fixture
def access(tour):
    return lambda: tour("deployment", name="late", deployment_view="Access")


def test_without_keys_the_page_says_that_none_is_needed(access, served):
    page = access()
    assert not page.exception
    assert "Not needed" in shown(page)
    assert "none was made for it" in shown(page)
    assert not page.dataframe
    served.deployments.revoke_api_key(served.deployments.create_api_key("shop").info.id)
    page = access()
    assert "For predictions" in shown(page)
    assert list(page.dataframe[0].value["state"]) == [["Revoked"]]


def test_a_key_is_made_and_shown_once(tour, served):
    page = AppTest.from_function(key_script, default_timeout=30).run()
    assert "requests for predictions to **late** need a key" in shown(page)
    assert page.button(key="key_go").disabled
    page.text_input(key="key_reason").set_value("a new caller")
    page.text_input(key="key_label").set_value("x" * 101).run()
    page.button(key="key_go").click().run()
    assert "at most 100 characters" in page.error[0].value
    page.text_input(key="key_label").set_value("the shop").run()
    page.button(key="key_go").click().run()
    (made,) = served.deployments.api_keys("late")
    assert (made.label, made.scopes, made.deployments) == ("the shop", ("predict",), ("late",))
    assert page.code[0].value.startswith(made.prefix)
    assert made.prefix in list(page.dataframe[0].value["prefix"])
    page.button(key="new_api_key_done").click().run()
    assert not page.code
    assert "API key For predictions" in shown(page)


def test_limits_are_changed_with_a_reason(tour, served, access):
    page = AppTest.from_function(limits_script, default_timeout=30).run()
    assert page.button(key="limits_go").disabled
    assert page.number_input(key="limits_burst").disabled
    page.number_input(key="limits_rate").set_value(50.0).run()
    page.number_input(key="limits_burst").set_value(100)
    page.text_input(key="limits_reason").set_value("protect the model").run()
    page.button(key="limits_go").click().run()
    assert served.deployments.limits("late") == CallLimits(per_second=50.0, burst=100)
    assert "Requests a second 50" in shown(access())

    page = AppTest.from_function(limits_script, default_timeout=30).run()
    assert page.number_input(key="limits_rate").value == 50.0
    assert page.number_input(key="limits_rate").proto.default == 0.0  # none: it can be emptied
    page.number_input(key="limits_rate").set_value(None).run()
    page.text_input(key="limits_reason").set_value("all may call").run()
    page.button(key="limits_go").click().run()
    assert served.deployments.limits("late") == CallLimits()


def sleep_script() -> None:
    """The dialog of sleep."""
    from pilothouse_app.features.deployments.access import change_sleep

    change_sleep("late")


def test_a_deployment_sleeps_and_never_sleeps_again(served, access):
    for minutes, tile in ((30.0, "Sleeps"), (None, "Awake")):
        page = AppTest.from_function(sleep_script, default_timeout=30).run()
        page.number_input(key="sleep_minutes").set_value(minutes).run()
        assert page.button(key="sleep_go").disabled
        page.text_input(key="sleep_reason").set_value("few ask it").run()
        page.button(key="sleep_go").click().run()
        assert served.deployments.sleep_after("late") == minutes
        assert f"Without requests {tile}" in shown(access())


def processes_script() -> None:
    """The dialog of the number of processes."""
    from pilothouse_app.features.deployments.access import change_processes

    change_processes("late")


def test_the_number_of_processes_follows_the_load_or_is_fixed(served, access):
    for least, most, tile in ((1, 4, "1 to 4"), (2, 2, "2")):
        page = AppTest.from_function(processes_script, default_timeout=30).run()
        page.number_input(key="processes_least").set_value(least).run()
        page.number_input(key="processes_most").set_value(most).run()
        page.text_input(key="processes_reason").set_value("the sale begins").run()
        page.button(key="processes_go").click().run()
        limits = served.deployments.process_limits("late")
        assert (limits.least, limits.most) == (least, most)
        assert f"Processes {tile} " in shown(access())


def stage_script() -> None:
    """The dialog of the stage."""
    from pilothouse_app.components.workspace import workspace
    from pilothouse_app.features.deployments.stage import change_stage

    change_stage(workspace().deployments.deployment("late"))


def test_a_deployment_answers_the_address_of_its_stage(served, access, tour):
    move(served, 1, "none")
    page = AppTest.from_function(stage_script, default_timeout=30).run()
    assert "Version 1 is in no stage" in shown(page)
    move(served, 1, "production")

    page = AppTest.from_function(stage_script, default_timeout=30).run()
    page.selectbox(key="stage").select("production").run()
    assert "/stages/production/v2/models/late/infer" in shown(page)
    page.text_input(key="stage_reason").set_value("the shop asks there").run()
    page.button(key="stage_go").click().run()
    assert served.deployments.stage("late") == "production"
    assert "Production" in shown(access())
    assert "whatever the deployment is called" in shown(
        tour("deployment", name="late", deployment_view="Clients")
    )
    page = tour("deployment", name="late")
    assert page.button(key="swap").disabled  # the other version is in no stage

    move(served, 2, "production")  # which archives version 1
    assert "Production, but version 1 is archived" in shown(access())
    assert not tour("deployment", name="late").button(key="swap").disabled


def move(workspace, version: int, stage: str) -> None:
    with workspace.store.write() as session:
        stages.move(
            session, workspace.store, versions.require(session, "late", version), stage, "a test"
        )


FEATURES = [{"name": "gust", "type": "Float64"}]
VIEW = {
    "name": "weather", "kind": "FeatureView", "description": "", "entities": ["place"],
    "keys": {"place": "String"}, "features": FEATURES, "request": [], "uses": [],
    "source": "", "ttl_seconds": None, "online": True, "materialized_until": None,
}  # fmt: skip


def features_script() -> None:
    """The dialog of features."""
    from pilothouse_app.features.deployments.looked_up import change_features

    change_features("late")


def test_features_are_looked_up_and_their_cost_is_on_the_page(tour, served, access):
    store = served.store
    assert "Features" not in [button.label for button in access().button]
    row = FeatureStoreRow(
        name="weather", kind="feast", settings={"repository": "/srv/weather"},
        catalog={"project": "w", "entities": [], "views": [VIEW], "sources": [], "services": []},
        library="0.67.0", read_at=store.now(), created_at=store.now(), created_by="ada",
    )  # fmt: skip
    with store.write() as session:
        store_rows.add(session, store, row, "")
    assert "Features" in [button.label for button in access().button]
    page = AppTest.from_function(features_script, default_timeout=30).run()
    assert page.button(key="features_go").disabled
    page.multiselect(key="features_of_weather").set_value(["weather:gust"])
    page.text_input(key="features_reason").set_value("gusts by place").run()
    page.button(key="features_go").click().run()
    assert not page.error
    rule = served.deployments.features("late")
    assert (rule.names, dict(rule.keys)) == (("gust",), {"place": "String"})
    figures = LookupFigures(failed=1)
    for ms, key in ((1.0, 7), (2.0, 8), (250.0, None)):
        figures.add({"gust": [key]}, 1, ms, 7200.0)
    stored = json.dumps({"late": figures.facts()})
    (store.run_folder / "feature-lookups.json").write_text(stored)
    text = shown(access())
    assert "Lookup p50 2 ms" in text
    assert "Lookups that failed 25.0 %" in text
    assert "Age of values p50 2 h 0 min" in text
    assert "Keys not in the store 33.3 %" in text
    assert "has failed" not in text
    failed = {"late": {**figures.facts(), "store_failure": "no disk"}}
    (store.run_folder / "feature-lookups.json").write_text(json.dumps(failed))
    page = access()
    assert any("no disk" in error.value and "get 503" in error.value for error in page.error)
    page = AppTest.from_function(features_script, default_timeout=30).run()
    page.text_input(key="features_reason").set_value("not used").run()
    page.button(key="features_remove").click().run()
    assert served.deployments.features("late") is None
