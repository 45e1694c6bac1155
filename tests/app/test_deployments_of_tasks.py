"""A deployment's pages for models of every task: the answer, the log and the label form."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pilothouse.deployments.prediction_log import log
from pilothouse.deployments.prediction_log.journal import Journal
from pilothouse.deployments.tables import Revision
from pilothouse.models.signature import OutputField, Signature, SignatureField
from pilothouse.models.tasks import task_of, tasks
from pilothouse_app.features.deployments.code_examples import example_commands
from pilothouse_app.features.deployments.prediction import prediction_text

INPUTS = (SignatureField("x", "number"),)
AT_MS = 1_764_547_200_000


def signature_of(task: str, **changes: Any) -> Signature:
    return replace(tasks.get(task).example.signature, inputs=INPUTS, **changes)


def serve(workspace, signature: Signature) -> None:
    """Let the deployment `late` serve a model of that signature."""
    with workspace.store.write() as session:
        revision = session.get_one(Revision, 1)
        revision.signature, revision.example = signature.to_json(), [{"x": 1.0}]


def answer_of(signature: Signature, row: list[Any]) -> dict[str, Any]:
    """What the client returns for a raw row."""
    task = task_of(signature)
    columns = task.decide(signature, [row])
    outputs = {c.name: columns[c.name][0] for c in task.columns(signature)}
    answer = {"prediction_id": "p-1", "version": 1, "outputs": outputs}
    answer["prediction"] = task.predictions(signature, columns)[0]
    if signature.classes and signature.gives == "probability":
        answer["probabilities"] = dict(zip(map(str, signature.classes), row, strict=True))
    return answer


PREDICTED: list[tuple[str, dict[str, Any], list[Any], dict[str, str], list[str]]] = [
    ("binary", {}, [0.375, 0.625], {"churned": "yes"}, ["yes", "no"]),
    ("multiclass", {}, [0.2, 0.1, 0.7], {"kind": "c"}, ["c", "a", "b"]),
    ("multiclass", {"gives": "label"}, ["b"], {"kind": "b"}, []),
    ("regression", {}, [12.5], {"price": "12.5 USD"}, []),
    (
        "quantile",
        {"unit": "kWh"},
        [8.0, 10.0, 1300.0],
        {"price": "8 to 1,300 kWh", "Quantile 0.5": "10 kWh", "Width of the interval": "1,292 kWh"},
        [],
    ),
    ("ranking", {}, [-0.5], {"relevance": "-0.5"}, []),
    ("multilabel", {}, [0.2, 0.9], {"topics": "news"}, ["Probability of news"]),
    ("multilabel", {}, [0.2, 0.3], {"topics": "none"}, ["Probability of news"]),
    (
        "unspecified",
        {"outputs": (OutputField("distance"), OutputField("note", "string"))},
        [0.3, "far"],
        {"distance": "0.3", "note": "far"},
        [],
    ),
]


@pytest.mark.parametrize(("task", "changes", "row", "tiles", "bars"), PREDICTED)
def test_an_answer_is_drawn_from_its_columns(
    tour, served, monkeypatch, task, changes, row, tiles, bars
):
    signature = signature_of(task, **changes)
    serve(served, signature)
    answer = answer_of(signature, row)
    kind = type(served.deployments)
    monkeypatch.setattr(kind, "predict", lambda _self, _name, _records, **_: [answer])
    page = tour("deployment", name="late", deployment_view="Try it")
    page.button(key="try_predict").click().run()
    assert not page.exception
    drawn = {tile.label: tile.value for tile in page.metric}
    assert drawn | tiles == drawn
    names = [name for frame in page.dataframe for name in frame.value["name"]]
    assert names[: len(bars)] == bars
    assert bool(names) == bool(bars)


def test_many_outputs_are_a_table(tour, served, monkeypatch):
    names = [f"part {index}" for index in range(30)]
    signature = signature_of("unspecified", outputs=tuple(map(OutputField, names)))
    serve(served, signature)
    answer = answer_of(signature, [float(index) for index in range(30)])
    kind = type(served.deployments)
    monkeypatch.setattr(kind, "predict", lambda _self, _name, _records, **_: [answer])
    page = tour("deployment", name="late", deployment_view="Try it")
    page.button(key="try_predict").click().run()
    [rest] = [frame.value for frame in page.dataframe]
    assert list(rest["name"]) == names[8:]
    assert list(rest["value"])[:2] == ["8", "9"]


@pytest.mark.parametrize("task", [name for name in tasks.names() if name != "binary"])
def test_logged_predictions_show_the_outputs_of_the_task(tour, served, task):
    signature = signature_of(task)
    serve(served, signature)
    rows = [list(row) for row in tasks.get(task).example.rows]
    decided = task_of(signature).decide(signature, rows)
    journal = Journal(log.journal_folder(served.folder, "late"))
    ids = [f"of {task} {index}" for index in range(len(rows))]
    line = {"at": journal.stamp(), "version": 1, "rows": len(rows), "ms": 1.0, "status": 200}
    line |= {"ids": ids, "model": "late", "event": [AT_MS] * len(rows)}
    line["out"] = {c.name: decided[c.name] for c in task_of(signature).columns(signature)}
    journal.predictions(1, signature, line | {"columns": {"x": [1.0] * len(rows)}})
    page = tour("deployment", name="late", deployment_view="Predictions")
    assert not page.exception
    frame = page.dataframe[0].value
    stored = list(log.output_columns(signature).values())
    outputs = [name for name in frame.columns[1:] if name != "explain"]
    assert outputs[: min(len(stored), 6)] == stored[:6]
    assert frame["prediction_id"].iloc[0] == ids[-1]


@pytest.mark.parametrize(
    ("task", "hint", "label"),
    [
        ("binary", "A label is one of 'no', 'yes'", '"labels": ["yes"]'),
        ("multiclass", "A label is one of 'a', 'b', 'c'", '"labels": ["a"]'),
        ("multilabel", "A label is a list of sport, news", '"labels": ["sport"]'),
        ("regression", "A label is a number;", '"labels": [1.0]'),
        ("quantile", "A label is a number;", '"labels": [1.0]'),
        ("ranking", "A label is a number from 0", '"labels": [1.0]'),
        ("unspecified", "A label is a number, a text or a boolean", '"labels": [1.0]'),
    ],
)
def test_examples_send_a_label_of_the_task(tour, served, task, hint, label):
    tour("deployments")
    serve(served, signature_of(task))
    deployment = served.deployments.deployment("late")
    labels = example_commands(deployment, "http://127.0.0.1:5050")[3]
    assert hint in labels
    assert label in labels


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (12.345678, "min", "12.346 min"),
        (1_234_567, "", "1,234,567"),
        (True, "min", "True"),
        (None, "min", "–"),  # noqa: RUF001
        (float("inf"), "", "–"),  # noqa: RUF001
        ([], "", "none"),
        (["a", "b"], "", "a, b"),
        ([1.0, 2.0, 4.0], "min", "1 to 4 min"),
    ],
)
def test_predictions_as_text(value, unit, text):
    assert prediction_text(value, unit) == text
