"""Deployments, one deployment in each view, its commands, and trying it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from streamlit.testing.v1 import AppTest

from pilothouse.deployments.client_examples import CLIENT_PROTOCOLS
from pilothouse.deployments.controller.model_processes import ReplicaPaths
from pilothouse.deployments.tables import Replica, Revision
from pilothouse.models.signature import Signature, SignatureField
from pilothouse.workspace import Workspace
from pilothouse_app.features.deployments.try_it import curl
from pilothouse_app.features.registry.signature import signature_frame, value_warning


def shown(page) -> str:
    return "\n".join(str(each.value) for each in page.markdown)


def buttons(page) -> list[str]:
    return [each.label for each in page.button]


def test_without_a_model_the_registry_comes_first(visit):
    page = visit("deployments")
    assert not page.exception
    assert "no model is registered yet" in shown(page)


def test_deployments_are_listed_with_their_state(tour):
    page = tour("deployments")
    assert not page.exception
    rows = page.dataframe[0].value
    assert list(rows["version"]) == ["late 1"]
    assert "No traffic" in shown(page)


def test_the_launch_says_what_will_happen(tour):
    page = tour("deployments")
    page.button(key="launch").click().run()
    assert "What will happen" in shown(page)
    assert page.button(key="launch_go").disabled


@pytest.mark.parametrize(
    "view", ["Traffic", "Clients", "Predictions", "Labels", "Revisions", "Log", "Try it"]
)
def test_each_view_of_a_deployment_is_drawn(tour, view):
    page = tour("deployment", name="late", deployment_view=view)
    assert not page.exception
    assert not page.error
    assert {"Stop", "Roll back", "Swap version"} <= set(buttons(page))


def test_there_is_nothing_to_roll_back_to_at_first(tour, served):
    assert tour("deployment", name="late").button(key="roll_back").disabled
    served.deployments.switch_version("late", 2, "better")
    assert not tour("deployment", name="late").button(key="roll_back").disabled


def test_a_stopped_deployment_can_be_resumed(tour, served):
    served.deployments.stop("late", "enough")
    page = tour("deployment", name="late")
    assert "Resume" in buttons(page)
    assert "Stop" not in buttons(page)


def test_the_form_is_built_from_the_signature_with_the_example_in_it(tour):
    page = tour("deployment", name="late", deployment_view="Try it")
    assert page.number_input(key="try_late_1_temp").value == 12.5
    assert page.number_input(key="try_late_1_hour").value == 7
    assert page.selectbox(key="try_late_1_carrier").value == "DL"
    assert page.number_input(key="try_late_1_gust").value is None


def test_every_input_can_be_emptied_and_what_is_needed_is_said(tour, served, monkeypatch):
    sent = sending(served, monkeypatch)
    page = tour("deployment", name="late", deployment_view="Try it")
    page.number_input(key="try_late_1_gust").set_value(4.5).run()
    page.number_input(key="try_late_1_gust").set_value(None).run()
    page.number_input(key="try_late_1_temp").set_value(None).run()
    assert "required" in shown(page)
    assert "temp: required" in page.warning[0].value
    page.button(key="try_predict").click().run()
    assert sent[-1] == {"temp": None, "hour": 7, "carrier": "DL", "gust": None}


def test_the_time_of_the_event_can_be_said(tour, served, monkeypatch):
    sent = sending(served, monkeypatch)
    page = tour("deployment", name="late", deployment_view="Try it")
    page.datetime_input(key="try_late_1_event_time").set_value(datetime(2026, 2, 3, 4, 5)).run()
    page.button(key="try_predict").click().run()
    assert sent[-1][0] == datetime(2026, 2, 3, 4, 5, tzinfo=UTC)
    assert '\'{"dataframe_records"' in page.code[0].value
    assert '"params": {"event_time": 1770091500000}' in page.code[0].value


def test_what_training_never_saw_is_marked(tour):
    page = tour("deployment", name="late", deployment_view="Try it")
    assert not page.warning
    page.number_input(key="try_late_1_temp").set_value(31.0).run()
    assert "outside -5.00 to 30.00, the range of the training data" in shown(page)
    assert "temp: outside" in page.warning[0].value
    page.button(key="try_reset").click().run()
    assert not page.warning
    assert page.number_input(key="try_late_1_temp").value == 12.5


@pytest.mark.parametrize(
    ("field", "value", "note"),
    [
        (SignatureField("a", "string", categories=("x", "y")), "z", "not seen in training"),
        (SignatureField("a", "string", categories=("x", "y")), "x", ""),
        (SignatureField("a", "string", categories=("x", "y")), "", "required"),
        (SignatureField("a", "number", required=False, low=0, high=1), None, ""),
        (SignatureField("a", "number", low=0, high=1), 1.0, ""),
        (
            SignatureField("a", "integer", low=1, high=5),
            6,
            "outside 1 to 5, the range of the training data",
        ),
        (SignatureField("a", "boolean"), False, ""),
        (SignatureField("a", "string"), "anything", ""),
        (SignatureField("a", "number", nullable=True), None, "never missing in training"),
    ],
)
def test_a_value_is_spoken_of_only_when_it_stands_out(field, value, note):
    assert value_warning(field, value) == note


def test_times_of_a_signature_are_dates():
    field = SignatureField("at", "time", low=1_704_067_200_000, high=1_735_516_800_000)
    frame = signature_frame(Signature((field,)), [{"at": 1_704_153_600_000}])
    assert list(frame["values"]) == ["1 Jan 2024 to 30 Dec 2024"]
    assert list(frame["example"]) == ["2 Jan 2024, 00:00 UTC"]


@pytest.fixture
def wide(served: Workspace) -> Workspace:
    """The deployment takes 499 inputs."""
    fields = tuple(
        SignatureField(f"sensor_{number:03d}", "number", required=number % 2 == 0, low=0, high=1)
        for number in range(499)
    )
    with served.store.write() as session:
        revision = session.get_one(Revision, 1)
        revision.signature = Signature(fields, "late", (0, 1), 1).to_json()
        revision.example = [{field.name: 0.5 for field in fields}]
    return served


def test_499_inputs_are_searched_and_paged(tour, wide, monkeypatch):
    sent = sending(wide, monkeypatch)
    page = tour("deployment", name="late", deployment_view="Try it")
    assert not page.exception
    assert len(page.number_input) == 24
    assert "499 of 499 inputs" in shown(page)
    page.text_input(key="try_late_1__search").set_value("SENSOR 48").run()
    labels = [box.label for box in page.number_input]
    assert labels[0] == "Sensor 048"
    assert len(labels) == 15  # 048 to 448, and 480 to 489
    page.number_input(key="try_late_1_sensor_489").set_value(3.0).run()
    page.text_input(key="try_late_1__search").set_value("").run()
    # What is not drawn is kept, is spoken of beside the answer, and is sent.
    assert "sensor_489: outside" in page.warning[0].value.replace("\\", "")
    page.button(key="try_predict").click().run()
    assert sent[-1]["sensor_489"] == 3.0
    assert len(sent[-1]) == 499


def test_words_of_a_yes_no_column_are_offered_as_its_file_has_them(tour, served):
    field = SignatureField("member", "boolean", boolean_words=("nein", "ja"))
    with served.store.write() as session:
        revision = session.get_one(Revision, 1)
        revision.signature = Signature((field,), "late", (0, 1), 1).to_json()
        revision.example = [{"member": True}]
    page = tour("deployment", name="late", deployment_view="Try it")
    assert page.selectbox(key="try_late_1_member").options == ["nein", "ja"]
    assert page.selectbox(key="try_late_1_member").value is True


def sending(workspace: Workspace, monkeypatch) -> list[dict]:
    """The records that are sent from now on; each is answered."""
    sent: list[dict] = []

    def predict(_self, _name, records, *, event_time=None):
        sent.extend(records if event_time is None else [(event_time, *records)])
        return [
            {"prediction_id": "p-1", "prediction": 1, "outputs": {"score": 0.625}, "version": 1}
        ]

    monkeypatch.setattr(type(workspace.deployments), "predict", predict)
    return sent


def test_a_prediction_without_a_server_says_how_to_start_one(tour):
    page = tour("deployment", name="late", deployment_view="Try it")
    page.button(key="try_predict").click().run()
    assert "server" in page.error[0].value


def test_an_answer_is_shown_with_its_command(tour, served, monkeypatch):
    answer = {"prediction_id": "p-1", "prediction": 1, "version": 1}
    answer |= {"outputs": {"score": 0.625}, "probabilities": {"0": 0.375, "1": 0.625}}
    kind = type(served.deployments)
    monkeypatch.setattr(kind, "predict", lambda _self, _name, _records, **_: [answer])
    page = tour("deployment", name="late", deployment_view="Try it")
    page.button(key="try_predict").click().run()
    tiles = {tile.label: tile.value for tile in page.metric}
    assert (tiles["late"], tiles["Version"], list(tiles)[-1]) == ("1", "1", "Round trip")
    [shares] = [frame.value for frame in page.dataframe]
    assert shares.to_dict("list") == {"name": ["1", "0"], "share": [0.625, 0.375]}
    assert "dataframe_records" in page.code[0].value


def test_the_command_quotes_what_a_shell_would_read(tour):
    tour("deployments")
    assert "it'\\''s" in curl("late", {"name": "it's"})


def test_the_labels_view_counts_labels_and_shows_each_protocol(tour, served):
    page = tour("deployment", name="late", deployment_view="Labels")
    commands = "\n".join(block.value for block in page.code)
    for words in (
        "/deployments/late/invocations",
        "/v2/models/late/infer",
        "/deployments/late/labels",
        '"event_time": 1767225600000',
        '"prediction_ids": ["order-17"]',
        "label_from_file('late'",
    ):
        assert words in commands
    labels, unmatched = served.deployments.label_counts("late")
    figures = {metric.label: metric.value for metric in page.metric}
    assert figures["Labels"] == figures["Joined"] == f"{labels:,}"
    assert (labels > 0, unmatched, figures["Without a prediction"]) == (True, 0, "0")


def test_programs_of_every_protocol_and_language_are_shown(tour):
    page = tour("deployment", name="late", deployment_view="Clients")
    assert len(page.code) == len(CLIENT_PROTOCOLS)
    assert "curl -s" in page.code[0].value
    assert page.dataframe[0].value["address"][1] == "POST /v1/models/late:predict"
    page.segmented_control(key="clients_language").set_value("Python").run()
    assert all("import requests" in block.value for block in page.code)
    page.segmented_control(key="clients_language").set_value("JavaScript").run()
    assert all("await fetch" in block.value for block in page.code)


def test_adding_labels_asks_for_a_file_and_names_the_classes(tour):
    page = tour("deployment", name="late", deployment_view="Labels")
    page.button(key="label_file").click().run()
    assert not page.exception
    assert "A label of **late** is one of 0, 1." in shown(page)
    assert page.button(key="label_go").disabled


def label_dialog() -> None:
    """The dialog open at every run, as a browser keeps it open."""
    from pilothouse_app.components.workspace import workspace
    from pilothouse_app.features.deployments.labels import upload_labels

    upload_labels(workspace().deployments.deployment("late"))


def test_labels_are_added_from_a_file(tour, served):
    ids = list(served.deployments.predictions("late")["prediction_id"][:2])
    content = f"Nr.;late;when\n{ids[0]};1;x\n{ids[1]};0;y\nnobody;1;z\n".encode()
    page = AppTest.from_function(label_dialog, default_timeout=30).run()
    assert page.button(key="label_go").disabled
    page.file_uploader[0].set_value(("outcomes.csv", content, "text/csv")).run()
    assert not page.exception
    boxes = {box.label: box for box in page.selectbox}
    assert boxes["Prediction id"].value is None
    assert boxes["Label"].value == "late"
    boxes["Prediction id"].set_value("Nr.").run()
    tiles = {tile.label: tile.value for tile in page.metric}
    assert (tiles["Matched"], tiles["Without a prediction"], tiles["Unreadable"]) == ("2", "1", "0")
    page.text_input(key="label_reason").set_value("January's outcomes").run()
    page.button(key="label_go").click().run()
    assert not page.exception
    assert page.session_state["_label_report"]["unmatched"] == ["nobody"]
    labels = served.deployments.labels("late").set_index("prediction_id")["label"]
    assert [int(float(labels[each])) for each in ids] == [1, 0]


def test_a_file_of_wrong_labels_says_which(tour, served):
    ids = list(served.deployments.predictions("late")["prediction_id"][:1])
    page = AppTest.from_function(label_dialog, default_timeout=30).run()
    content = f"id,label\n{ids[0]},perhaps\n".encode()
    page.file_uploader[0].set_value(("outcomes.csv", content, "text/csv")).run()
    page.text_input(key="label_reason").set_value("a mistake").run()
    assert "'perhaps' is not a label of the model" in page.error[0].value
    assert page.button(key="label_go").disabled


def test_rows_that_cannot_be_read_are_listed_before_a_file_is_added(tour, served):
    ids = list(served.deployments.predictions("late")["prediction_id"][:2])
    page = AppTest.from_function(label_dialog, default_timeout=30).run()
    content = f"id,label\n{ids[0]},1\n{ids[0]},1\n{ids[1]},perhaps\n".encode()
    page.file_uploader[0].set_value(("outcomes.csv", content, "text/csv")).run()
    tiles = {tile.label: tile.value for tile in page.metric}
    assert (tiles["Repeated"], tiles["Unreadable"]) == ("1", "1")
    problems = next(frame.value for frame in page.dataframe if "message" in frame.value)
    assert problems[["row", "message"]].to_numpy().tolist() == [
        [3, "'perhaps' is not a label of the model"]
    ]


def test_a_report_lists_the_ids_that_nobody_predicted(tour, served):
    from pilothouse_app.features.deployments.label_report import plain

    predicted = served.deployments.predictions("late").iloc[0]
    content = f"id,label\n{predicted['prediction_id']},1\nx,1\n,1\n".encode()
    checked = served.deployments.check_label_file("late", content)
    page = tour("deployment", name="late", deployment_view="Labels")
    page.session_state["_label_report"] = plain("late", checked)
    page.run()
    text = page.warning[0].value
    assert "1 row without an id or a label. 1 id has no prediction" in text
    at = predicted["event_at"]
    assert f"Windows with these predictions (of {at.day} {at:%b %Y}) are evaluated again." in text
    assert list(page.dataframe[0].value["prediction_id"]) == ["x"]
    assert page.download_button(key="unmatched_download").label == "Download these ids"


def test_the_commands_are_read_by_the_server_as_they_are_written(tour, served):
    import json

    from pilothouse.deployments.gateway import invocations, oip
    from pilothouse_app.features.deployments.code_examples import example_commands

    deployment = served.deployments.deployment("late")

    def body(text):
        return json.loads(text.split("-d '", 1)[1].split("'\n#", 1)[0].rstrip("'"))

    split, infer, _, labels, _ = example_commands(deployment, "http://127.0.0.1:5050")
    for wanted in (
        invocations.parse(json.dumps(body(split)).encode(), "", deployment.signature),
        oip.parse(body(infer), deployment.signature),
    ):
        assert (wanted.rows, wanted.prediction_ids) == (1, ["order-17"])
        assert wanted.event_ms == [1_767_225_600_000]
    assert set(body(labels)) == {"ids", "labels", "at"}


def test_an_unknown_deployment_lists_the_known_ones(tour):
    assert "late" in tour("deployment", name="nothing").error[0].value
    assert "Which deployment?" in shown(tour("deployment"))


def test_a_crash_loop_shows_its_last_error_at_once(tour, served):
    with served.store.write() as session:
        session.add(
            Replica(
                deployment="late",
                version=1,
                ordinal=0,
                state="crash_loop",
                restarts=5,
                fast_crashes=5,
                last_exit="exit code 1",
            )
        )
    log = ReplicaPaths(served.store.run_folder, served.store.log_folder).log_file("late", 1, 0)
    log.parent.mkdir(parents=True)
    log.write_text("loading\nTraceback (most recent call last):\n  File x\nKeyError: 'gust'\n")
    page = tour("deployment", name="late", deployment_view="Revisions")
    assert not page.exception
    told = page.error[0].value
    assert "KeyError: 'gust'" in told
    assert "5 times" in told
    assert "exit code 1" in told


def test_a_version_that_answers_shows_no_error(tour, served):
    with served.store.write() as session:
        session.add(
            Replica(deployment="late", version=1, ordinal=0, state="ready", last_exit="exit code 1")
        )
    page = tour("deployment", name="late")
    assert not page.error
    assert not page.warning
