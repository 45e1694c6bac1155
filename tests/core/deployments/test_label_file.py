"""Labels from a file: read with care, joined by id, and told which ids nobody predicted."""

from __future__ import annotations

import io
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest

from harness.serving import SIGNATURE as LATE
from pilothouse.activity import Activity
from pilothouse.deployments import Deployments
from pilothouse.deployments.label_file import LabelColumns, guess_columns, read_label_file
from pilothouse.deployments.prediction_log import log
from pilothouse.deployments.prediction_log.journal import Journal
from pilothouse.kit.clock import from_ms
from pilothouse.kit.errors import Invalid
from pilothouse.models.signature import Signature, SignatureField
from pilothouse.models.tasks import tasks
from pilothouse.storage import Store

SIGNATURE = Signature(
    inputs=(SignatureField("x", "number"),),
    target="Gekündigt",
    classes=("Nein", "Ja"),
    positive="Ja",
    target_words=("Nein", "Ja"),
)
NOW_MS, AT_MS = 1_770_000_000_000, 1_767_225_600_000


def labels_of(text: str | bytes, columns: LabelColumns | None = None) -> dict[str, object]:
    content = text.encode() if isinstance(text, str) else text
    labels = read_label_file(content, "labels.csv", SIGNATURE, NOW_MS, columns)
    return dict(zip(labels.ids, zip(labels.labels, labels.times, strict=True), strict=True))


def test_a_european_file_is_read_with_care() -> None:
    text = "id;Gekündigt;at\n007;Ja;2026-01-01T00:00:00Z\n008;nein;2026-01-01T00:00:00Z\n"
    expected = {"007": ("Ja", AT_MS), "008": ("Nein", AT_MS)}
    assert labels_of("\ufeff" + text) == expected


def test_instants_in_ms_are_taken_and_seconds_refused() -> None:
    assert labels_of(f"id,label,at\na,Ja,{AT_MS}\n") == {"a": ("Ja", AT_MS)}
    assert labels_of("id,label\na,Ja\n") == {"a": ("Ja", NOW_MS)}
    with pytest.raises(Invalid, match="looks like seconds"):
        labels_of(f"id,label,at\na,Ja,{AT_MS // 1_000}\n")
    with pytest.raises(Invalid, match="column 'at': 'soon' is not an ISO 8601 time"):
        labels_of("id,label,at\na,Ja,soon\n")


def test_parquet_and_numbers_for_classes_are_read() -> None:
    file = io.BytesIO()
    pd.DataFrame({"prediction_id": [17, 18], "truth": [1.0, 0.0]}).to_parquet(file, index=False)
    labels = read_label_file(file.getvalue(), "labels.parquet", LATE, NOW_MS)
    assert (labels.ids, labels.labels) == (["17", "18"], [1, 0])


def test_words_for_true_and_false_stay_the_words_of_the_file() -> None:
    text = Signature(SIGNATURE.inputs, "late", ("no", "yes"), "yes")
    labels = read_label_file(b"id,label\na,yes\nb,no\n", "x.csv", text, NOW_MS)
    assert labels.labels == ["yes", "no"]
    file = io.BytesIO()
    pd.DataFrame({"id": ["a", "b"], "label": [True, False]}).to_parquet(file, index=False)
    labels = read_label_file(file.getvalue(), "labels.parquet", LATE, NOW_MS)
    assert labels.labels == [1, 0]


def test_rows_that_say_nothing_are_counted_and_repetitions_count_once() -> None:
    text = "id,label\na,Ja\nb,\n,Nein\na,Ja\n"
    labels = read_label_file(text.encode(), "x.csv", SIGNATURE, NOW_MS)
    assert (labels.rows, labels.ids, labels.unlabelled) == (4, ["a"], 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,label\na,Ja\na,Nein\n", "'a' has two labels: 'Ja' in row 1 and 'Nein' in row 2"),
        ("id,label\nb,Vielleicht\n", "row 1, column 'label': 'Vielleicht' is not a label"),
        ("id,other\na,Ja\n", "no column holds the labels"),
        ("who,label\na,Ja\n", "no column holds the ids"),
        ("id,label\na,\n", "no row has a value in both"),
    ],
)
def test_what_is_wrong_is_named(text: str, message: str) -> None:
    with pytest.raises(Invalid) as refused:
        labels_of(text)
    assert message in str(refused.value)


def test_columns_are_recognised_or_chosen() -> None:
    guess = guess_columns(["Prediction ID", "gekündigt", "Date"], SIGNATURE)
    assert guess == LabelColumns("Prediction ID", "gekündigt", "Date")
    chosen = LabelColumns("order", "outcome")
    assert labels_of("order,outcome,at\na,Ja,never\n", chosen) == {"a": ("Ja", NOW_MS)}
    with pytest.raises(Invalid, match="there is no column 'no'"):
        labels_of("order,outcome\na,Ja\n", LabelColumns("order", "no"))


def predicted(store: Store, ids: list[str]) -> None:
    journal = Journal(log.journal_folder(store.folder, "flights"))
    line = {"at": journal.stamp(), "version": 1, "rows": len(ids), "ms": 1.0, "status": 200}
    facts = {"ids": ids, "model": "late", "event": [AT_MS] * len(ids), "score": [0.5] * len(ids)}
    journal.predictions(1, LATE, line | facts | {"columns": {}})


def test_a_file_labels_predictions_and_names_ids_nobody_predicted(
    registered: Store, deployments: Deployments, tmp_path: Path
) -> None:
    deployments.launch("flights", "late", 1)
    predicted(registered, ["a", "b"])
    file = tmp_path / "outcomes.csv"
    file.write_text("prediction_id,late\na,1\nb,0\nx,1\n", encoding="utf-8")
    report = deployments.label_from_file("flights", file, reason="January")
    assert (report.accepted, report.rows, report.unmatched) == (3, 3, ("x",))
    labels = deployments.labels("flights").set_index("prediction_id")["label"]
    assert labels.to_dict() == {"a": 1, "b": 0, "x": 1}
    assert deployments.label_counts("flights") == (3, 1)
    entry = Activity(registered).entries().iloc[0]
    assert (entry["verb"], entry["reason"]) == ("labelled", "January")
    assert entry["after"] == {
        "accepted": 3, "unmatched": 1, "corrected": 0, "unreadable": 0, "file": "outcomes.csv"
    }  # fmt: skip


def test_a_second_file_reports_what_is_new_corrected_and_as_before(
    registered: Store, deployments: Deployments
) -> None:
    deployments.launch("flights", "late", 1)
    predicted(registered, ["a", "b", "c"])
    deployments.label_from_file("flights", b"id,label\na,1\nb,0\n")
    again = b"id,label\na,1\nb,1\nc,0\nc,0\nd,perhaps\nx,1\n"
    checked = deployments.check_label_file("flights", again)
    assert deployments.label_counts("flights") == (2, 0)
    report = deployments.label_from_file("flights", again)
    assert report == checked
    assert (report.accepted, report.matched, report.unchanged, report.repeated) == (4, 3, 1, 1)
    assert (report.corrected, report.unmatched, report.unreadable) == (("b",), ("x",), 1)
    assert (report.problems[0].row, report.problems[0].column) == (5, "label")
    assert report.first_event == report.last_event == from_ms(AT_MS)
    labels = deployments.labels("flights").set_index("prediction_id")["label"]
    assert labels.to_dict() == {"a": 1, "b": 1, "c": 0, "x": 1}


def test_labels_that_are_as_before_are_not_received_again(
    registered: Store, deployments: Deployments
) -> None:
    deployments.launch("flights", "late", 1)
    predicted(registered, ["a"])
    file = f"id,label,at\na,1,{AT_MS}\n"
    deployments.label_from_file("flights", file.encode())
    received = deployments.labels("flights")["received_at"].iloc[0]
    assert deployments.label_from_file("flights", file.encode()).unchanged == 1
    assert deployments.label_from_file("flights", b"id,label\na,1\n").unchanged == 1
    assert deployments.label_from_file("flights", b"id,label,at\na,1,\n").unchanged == 1
    assert deployments.labels("flights")["received_at"].iloc[0] == received
    later = file.replace(str(AT_MS), str(AT_MS + 1))
    assert deployments.label_from_file("flights", later.encode()).corrected == ("a",)
    assert deployments.labels("flights")["received_at"].iloc[0] > received


def test_a_file_of_which_nothing_was_predicted_is_refused(
    registered: Store, deployments: Deployments
) -> None:
    deployments.launch("flights", "late", 1)
    predicted(registered, ["a"])
    with pytest.raises(Invalid, match="none of the 2 ids in 'id' was predicted by 'flights'"):
        deployments.label_from_file("flights", b"id,label\n1,1\n2,0\n")
    assert deployments.label_counts("flights") == (0, 0)


def example_of(task: str) -> Signature:
    return tasks.get(task).example.signature


@pytest.mark.parametrize(
    ("task", "text", "expected"),
    [
        ("regression", "id;price\na;12,5\nb;1000\n", [12.5, 1000.0]),
        ("quantile", "id,label\na,3\nb,4\n", [3.0, 4.0]),
        ("ranking", "id,relevance\na,0\nb,3\n", [0.0, 3.0]),
        ("multiclass", "id,kind\na,c\nb,a\n", ["c", "a"]),
        ("multilabel", "id,topics\na,news|sport\nb,news\n", ["sport;news", "news"]),
        ("unspecified", "id,label\na,x\nb,y\n", ["x", "y"]),
    ],
)
def test_labels_of_every_task_are_read_from_a_file(
    task: str, text: str, expected: list[object]
) -> None:
    labels = read_label_file(text.encode(), "labels.csv", example_of(task), NOW_MS)
    assert (labels.ids, labels.labels) == (["a", "b"], expected)


def test_exact_decimals_are_numbers() -> None:
    file = io.BytesIO()
    pd.DataFrame({"id": ["a"], "label": [Decimal("12.50")]}).to_parquet(file, index=False)
    labels = read_label_file(file.getvalue(), "x.parquet", example_of("regression"), NOW_MS)
    assert labels.labels == [12.5]


def test_a_label_of_another_task_says_row_and_column() -> None:
    with pytest.raises(Invalid) as refused:
        read_label_file(b"id,label\na,dear\nb,low\n", "x.csv", example_of("regression"), NOW_MS)
    assert str(refused.value) == (
        "none of the 2 rows with a label can be read: row 1, column 'label': 'dear' is not a label "
        "of the model. A label is a number."
    )


def unreadable(text: str, signature: Signature) -> tuple[dict[str, object], dict[int, str]]:
    labels = read_label_file(text.encode(), "x.csv", signature, NOW_MS)
    problems = {problem.row: problem.message for problem in labels.problems}
    return dict(zip(labels.ids, labels.labels, strict=True)), problems


def test_rows_that_cannot_be_read_are_named_and_the_others_are_read() -> None:
    text = "id,label,at\na,Ja,2026-01-01\nb,Vielleicht,\nc,Nein,soon\nd,Ja,\ne,Ja,\ne,Nein,\n"
    labels, problems = unreadable(text, SIGNATURE)
    assert labels == {"a": "Ja", "d": "Ja"}
    pair = "'e' has two labels: 'Ja' in row 5 and 'Nein' in row 6"
    assert problems == {
        2: "'Vielleicht' is not a label of the model",
        3: "'soon' is not an ISO 8601 time",
        5: pair,
        6: pair,
    }


def test_a_word_among_numbers_leaves_them_in_the_form_of_the_file() -> None:
    labels, problems = unreadable("id;price\na;12,5\nb;1.000\nc;dear\n", example_of("regression"))
    assert labels == {"a": 12.5, "b": 1000.0}
    assert problems == {3: "'dear' is not a label of the model"}
    with pytest.raises(Invalid, match="12:30"):
        unreadable("id;price\na;12,5\nb;1.000\nc;12:30\n", example_of("regression"))
