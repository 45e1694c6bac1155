"""Answers of every task over both protocols, their log and their labels, through the gateway.

The model process is replaced by one that answers given rows; everything else is real.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import orjson
import pytest

from harness.answering_gateway import AnswersRows, Served
from pilothouse.deployments import client
from pilothouse.deployments.model_server.framing import REFUSED, SUCCESS
from pilothouse.deployments.prediction_log import log
from pilothouse.models.signature import OutputField, Signature, SignatureField
from pilothouse.models.tasks import Row, task_of, tasks

INPUTS = (SignatureField("x", "number"), SignatureField("who", "string", required=False))
AT_MS = 1_764_547_200_000


def example(name: str) -> tuple[Signature, list[Row]]:
    task = tasks.get(name)
    signature = replace(task.example.signature, inputs=INPUTS)
    return signature, [list(row) for row in task.example.rows]


ANYTHING = Signature(
    INPUTS,
    task="unspecified",
    gives="value",
    outputs=(
        OutputField("score", "number"),
        OutputField("flag", "boolean"),
        OutputField("note", "string"),
        OutputField("count", "integer"),
        OutputField("predict_proba", "string"),
        OutputField("prediction_id", "string"),
    ),
)
CASES = {name: example(name) for name in tasks.names()}
CASES["anything"] = (ANYTHING, [[0.5, True, "a", 3, "own", "its"], [1e30, False, None, 4, "", ""]])


@pytest.fixture
def served(tmp_path: Path) -> Callable[[str], Served]:
    return lambda case: Served(tmp_path, AnswersRows(*CASES[case]))


@pytest.mark.parametrize("case", CASES)
def test_both_protocols_answer_what_the_task_decides_and_log_it(
    served: Callable[[str], Served], case: str
) -> None:
    signature, rows = CASES[case]
    task, serving = task_of(signature), served(case)
    decided = task.decide(signature, rows)
    answer = serving.invoke()
    assert answer["predictions"] == task.predictions(signature, decided)
    assert answer["prediction_ids"] == serving.ids
    columns = dict(answer.get("outputs", {}))
    if "scores" in answer:
        columns["score"] = answer["scores"]
    assert columns == decided

    every = serving.infer(*[t["name"] for t in _metadata(serving)])
    for column in task.columns(signature):
        name = f"out.{column.name}" if column.name.startswith("predict") else column.name
        part = every.get(name, every.get(column.name, {}))
        if len(part["shape"]) == 1:
            assert part["data"] == decided[column.name]
            assert part["shape"] == [len(rows)]

    frame = log.predictions(serving.folder, "d")
    assert list(frame["prediction_id"]) == serving.ids  # both requests have the same ids
    for name, column in log.output_columns(signature).items():
        expected = [None if v is None else v for v in decided[name]]
        assert frame[column].astype(object).where(frame[column].notna(), None).tolist() == expected


def _metadata(serving: Served) -> list[dict[str, Any]]:
    answer = serving.call("GET", "/v2/models/d").json()
    assert answer["platform"] == "pilothouse"
    return cast(list[dict[str, Any]], answer["outputs"])


@pytest.mark.parametrize("case", CASES)
def test_the_metadata_describes_every_tensor_that_is_sent(
    served: Callable[[str], Served], case: str
) -> None:
    serving = served(case)
    described = {part["name"]: part for part in _metadata(serving)}
    sent = serving.infer(*described)
    assert list(sent) == list(described)
    for name, part in sent.items():
        assert part["datatype"] == described[name]["datatype"]
        assert part["shape"][1:] == described[name]["shape"][1:]
        assert part.get("parameters") == described[name].get("parameters")
        size = part["shape"][0] * (part["shape"][1] if len(part["shape"]) == 2 else 1)
        assert len(part["data"]) == size


# Of each case: the tensors that are sent when none is named, with datatype and second dimension.
DEFAULTS: dict[str, list[tuple[str, str, int | None]]] = {
    "binary": [("predict", "BYTES", None), ("predict_proba", "FP64", 2)],
    "multiclass": [("predict", "BYTES", None), ("predict_proba", "FP64", 3)],
    "multilabel": [("predict", "BOOL", 2), ("predict_proba", "FP64", 2)],
    "regression": [("predict", "FP64", None)],
    "quantile": [("predict", "FP64", 3)],
    "ranking": [("score", "FP64", None)],
    "unspecified": [("distance", "FP64", None)],
    "anything": [
        ("score", "FP64", None),
        ("flag", "BOOL", None),
        ("note", "BYTES", None),
        ("count", "INT64", None),
        ("out.predict_proba", "BYTES", None),
        ("out.prediction_id", "BYTES", None),
    ],
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_sent_when_no_outputs_are_named(served: Callable[[str], Served], case: str) -> None:
    parts = served(case).infer()
    shapes = [
        (name, part["datatype"], part["shape"][1] if len(part["shape"]) == 2 else None)
        for name, part in parts.items()
    ]
    assert shapes == [*DEFAULTS[case], ("prediction_id", "BYTES", None)]


def test_names_and_levels_are_parameters(served: Callable[[str], Served]) -> None:
    binary = served("binary").infer()["predict_proba"]
    assert binary["parameters"] == {
        "classes": ["no", "yes"],
        "positive": "yes",
        "threshold": 0.5,
    }
    quantile = served("quantile").infer()["predict"]
    assert quantile["parameters"] == {"levels": [0.1, 0.5, 0.9]}
    assert quantile["data"][:3] == [8.0, 10.0, 13.0]
    labels = served("multilabel").infer()["predict"]
    assert labels["parameters"] == {"classes": ["sport", "news"]}
    assert labels["data"] == [True, False, False, True, True, True, False, False]
    assert served("regression").infer()["predict"]["parameters"] == {"unit": "USD"}


def test_the_answers_of_two_classes_are_as_they_always_were(
    served: Callable[[str], Served],
) -> None:
    serving = served("binary")
    assert serving.invoke() == {
        "predictions": ["no", "yes", "no", "yes"],
        "scores": [0.1, 0.6, 0.3, 0.8],
        "prediction_ids": serving.ids,
    }
    assert list(serving.infer()) == ["predict", "predict_proba", "prediction_id"]
    assert serving.infer("score")["score"]["data"] == [0.1, 0.6, 0.3, 0.8]


def test_an_unknown_output_lists_those_of_the_model(served: Callable[[str], Served]) -> None:
    serving = served("regression")
    unknown = serving.infer("score", status=422)
    assert unknown["error"] == "unknown output 'score'. Known: predict, prediction_id."
    assert "more than once" in serving.infer("predict", "predict", status=422)["error"]


@pytest.mark.parametrize(
    ("case", "rows", "message"),
    [
        ("binary", [[0.5]] * 4, "does not fit its signature"),
        ("binary", [[0.5, 0.5]] * 3, "answered 3 rows, and was sent 4"),
        ("multiclass", [[0.5, None, 0.5]] * 4, "does not fit its signature"),
        ("regression", [["far"]] * 4, "'predict' is a number, and it holds str"),
        ("regression", [[True]] * 4, "'predict' is a number, and it holds bool"),
        ("quantile", [[1.0, 2.0]] * 4, "does not fit its signature"),
        ("unspecified", [[[1.0]]] * 4, "'distance' is a number, and it holds list"),
    ],
)
def test_an_answer_that_does_not_fit_is_a_failure_of_the_model(
    served: Callable[[str], Served], case: str, rows: list[Row], message: str
) -> None:
    serving = served(case)
    serving.model.reply = lambda _: SUCCESS + orjson.dumps(rows)
    assert message in serving.invoke(status=500)["error"]
    assert log.predictions(serving.folder, "d").empty
    assert log.requests(serving.folder, "d", None, None)["status"].tolist() == [500]


def test_what_the_model_refuses_is_not_logged(served: Callable[[str], Served]) -> None:
    serving = served("regression")
    serving.model.reply = lambda _: REFUSED + b"the model returned numbers that are not finite"
    assert "not finite" in serving.invoke(status=422)["error"]
    assert log.predictions(serving.folder, "d").empty


def test_csv_is_answered_too(served: Callable[[str], Served]) -> None:
    serving = served("quantile")
    csv = "x,who\n" + "1.5,ann\n" * 4
    headers = {"content-type": "text/csv"}
    answer = serving.call("POST", "/deployments/d/invocations", content=csv, headers=headers)
    assert answer.json()["predictions"][0] == [8.0, 10.0, 13.0]
    assert answer.json()["outputs"]["width"] == [5.0, 5.0, 4.0, 7.0]
    assert serving.model.requests[0]["columns"] == [[1.5] * 4, ["ann"] * 4]


@pytest.mark.parametrize("case", CASES)
def test_labels_are_stored_as_the_task_reads_them(
    served: Callable[[str], Served], case: str
) -> None:
    signature, serving = CASES[case][0], served(case)
    sent = list(task_of(signature).example.labels)
    ids = [f"id-{index}" for index in range(len(sent))]
    answer = serving.call("POST", "/deployments/d/labels", json={"ids": ids, "labels": sent})
    assert answer.status_code == 200, answer.text
    task = task_of(signature)
    stored = log.labels(serving.folder, "d")["label"].tolist()
    assert stored == [task.read_label(signature, label) for label in sent]
    assert [task.read_label(signature, label) for label in stored] == stored


@pytest.mark.parametrize(
    ("case", "value", "message"),
    [
        ("binary", "perhaps", "A label is one of 'no', 'yes'."),
        ("multiclass", 7, "A label is one of 'a', 'b', 'c'."),
        ("regression", "dear", "A label is a number."),
        ("quantile", True, "A label is a number."),
        ("ranking", -1, "A label is a number from 0."),
        ("multilabel", ["sport", "art"], "A label is a list of sport, news."),
        ("unspecified", [1], "A label is a number, a text or a boolean."),
    ],
)
def test_a_wrong_label_says_what_a_label_is(
    served: Callable[[str], Served], case: str, value: Any, message: str
) -> None:
    body = {"ids": ["a", "b"], "labels": [_right(case), value]}
    answer = served(case).call("POST", "/deployments/d/labels", json=body)
    assert answer.status_code == 422
    assert "label 1 is" in answer.text
    assert message in str(answer.json())


def _right(case: str) -> Any:
    return task_of(CASES[case][0]).example.labels[1]


@pytest.mark.parametrize("case", CASES)
def test_the_python_client_names_the_prediction_and_every_output(
    served: Callable[[str], Served], case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    signature, rows = CASES[case]
    task, serving = task_of(signature), served(case)

    def post(_folder: Path, path: str, body: Any) -> Any:
        answer = serving.call("POST", path, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    monkeypatch.setattr(client, "_post", post)
    answers = client.infer(serving.folder, "d", signature, [{"x": 1.0}] * len(rows))
    decided = task.decide(signature, rows)
    predictions = task.predictions(signature, decided)
    for index, answer in enumerate(answers):
        assert answer["version"] == 3
        for column in task.columns(signature):
            assert answer["outputs"][column.name] == decided[column.name][index]
        assert answer["prediction"] == predictions[index]
        assert ("label" in answer) == bool(signature.classes)
        assert answer.get("score") == decided.get("score", [None] * len(rows))[index]
        if "probabilities" in answer:
            assert list(answer["probabilities"].values()) == rows[index]
