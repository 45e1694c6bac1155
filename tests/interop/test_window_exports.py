"""Windows for whylogs and predictions for Arize: every row once, labels by id, clear refusals."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from harness.task_windows import MONDAY, NAME, ROWS, WEEK, begin, draw
from pilothouse.data.api import Data
from pilothouse.data.personal_data.masking import MASK
from pilothouse.interop.exporting.api import ModelExports
from pilothouse.kit.clock import FixedClock
from pilothouse.kit.errors import Invalid, NotFound, Refused, Unavailable
from pilothouse.storage.store import Store


def unpacked(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.parametrize(
    ("task", "kind"),
    [
        ("binary", "BINARY_CLASSIFICATION"),
        ("multiclass", "SCORE_CATEGORICAL"),
        ("regression", "REGRESSION"),
    ],
)
def test_predictions_and_late_labels_are_files_of_their_own(
    store: Store, clock: FixedClock, task: str, kind: str
) -> None:
    served, drawn = begin(store, clock, task), draw(task, 1)
    served.week(0, drawn)
    served.week(1, draw(task, 2), labelled=False)
    files = unpacked(ModelExports(store).arize_files(NAME))
    schema = json.loads(files[f"{NAME}-1/schema.json"])
    assert (schema["model_type"], schema["model_version"]) == (kind, "1")
    predictions = pd.read_parquet(io.BytesIO(files[f"{NAME}-1/predictions.parquet"]))
    actuals = pd.read_parquet(io.BytesIO(files[f"{NAME}-1/actuals.parquet"]))
    assert (len(predictions), len(actuals)) == (2 * ROWS, ROWS)
    assert predictions["prediction_id"].is_unique
    assert set(actuals["prediction_id"]) == set(predictions["prediction_id"][:ROWS])
    assert list(actuals) == ["prediction_id", "actual_label"]
    assert schema["predictions"]["feature_column_names"] == ["x", "z"]
    assert predictions["timestamp"].min() == int(MONDAY.timestamp())
    named = [name for key, name in schema["predictions"].items() if key.endswith("column_name")]
    assert {*named, "x", "z"} == set(predictions)

    first = unpacked(ModelExports(store).arize_files(NAME, MONDAY, MONDAY + WEEK))
    assert len(pd.read_parquet(io.BytesIO(first[f"{NAME}-1/predictions.parquet"]))) == ROWS


def test_what_arize_has_no_place_for_is_refused(store: Store, clock: FixedClock) -> None:
    served = begin(store, clock, "multilabel")
    exports = ModelExports(store)
    with pytest.raises(NotFound, match="logged no predictions"):
        exports.arize_files(NAME)
    served.week(0, draw("multilabel", 1))
    with pytest.raises(Refused, match="neither a number nor one class"):
        exports.arize_files(NAME)
    with pytest.raises(Invalid, match="period is empty"):
        exports.arize_files(NAME, MONDAY, MONDAY)
    with pytest.raises(NotFound):
        exports.arize_files("absent")


@pytest.mark.parametrize("task", ["binary", "multilabel"])
def test_predictions_are_spans_and_late_labels_name_them(
    store: Store, clock: FixedClock, task: str
) -> None:
    served = begin(store, clock, task)
    exports = ModelExports(store)
    with pytest.raises(NotFound, match="logged no predictions"):
        exports.openinference_spans(NAME)
    served.week(0, draw(task, 1), labelled=False)
    early = unpacked(exports.openinference_spans(NAME))
    assert not [name for name in early if name.startswith("annotations")]
    served.week(1, draw(task, 2))
    files = unpacked(exports.openinference_spans(NAME))
    lines = [json.loads(line) for line in files["spans.jsonl"].splitlines()]
    spans = [span for line in lines for span in line["resourceSpans"][0]["scopeSpans"][0]["spans"]]
    assert len({span["spanId"] for span in spans}) == 2 * ROWS
    assert [name for name in files if name.endswith(".pb")] == [
        f"spans-{index:04d}.pb" for index in range(1, 5)
    ]
    first = {each["key"]: each["value"]["stringValue"] for each in spans[0]["attributes"]}
    assert first["openinference.span.kind"] == "CHAIN"
    assert set(json.loads(first["input.value"])) == {"x", "z"}
    assert json.loads(first["output.value"])
    assert json.loads(first["metadata"])["version"] == f"{NAME}@1"
    assert int(spans[0]["startTimeUnixNano"]) >= MONDAY.timestamp() * 1e9
    labels = [
        label
        for name, content in files.items()
        if name.startswith("annotations")
        for label in json.loads(content)["data"]
    ]
    assert len(labels) == ROWS
    assert {label["span_id"] for label in labels} < {span["spanId"] for span in spans}
    # The ids are those of the export before: its labels can be sent alone.
    [before] = [json.loads(line) for line in early["spans.jsonl"].splitlines()[:1]]
    assert before["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["spanId"] == spans[0]["spanId"]
    with pytest.raises(Invalid, match="period is empty"):
        exports.openinference_spans(NAME, MONDAY, MONDAY)
    data = Data(store)
    data.register("people", pd.DataFrame({"x": [1.0, 2.0]}))
    data.mark_personal("people", "x", reason="a height")
    masked = unpacked(exports.openinference_spans(NAME, MONDAY, MONDAY + WEEK))
    [line] = [json.loads(line) for line in masked["spans.jsonl"].splitlines()[:1]]
    span = line["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    [asked] = [pair["value"] for pair in span["attributes"] if pair["key"] == "input.value"]
    assert json.loads(asked["stringValue"])["x"] == MASK


def test_a_window_and_its_reference_are_profiled_in_a_child_process(
    store: Store, clock: FixedClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = begin(store, clock, "binary")
    served.give_evaluation(draw("binary", 1))
    window = served.week(0, draw("binary", 2))["window"]
    with pytest.raises(Unavailable) as missing:
        ModelExports(store).whylogs_profiles(window)
    assert 'pip install "pilothouse[whylogs]"' in str(missing.value.hint)

    library = (
        "import os\n"
        "class Result:\n"
        "    def __init__(self, frame, at): self.frame, self.at = frame, at\n"
        "    def view(self): return self\n"
        "    def write(self, path):\n"
        "        quiet = os.environ['WHYLOGS_NO_ANALYTICS']\n"
        "        said = [quiet, self.at.isoformat(), len(self.frame)]\n"
        "        open(path, 'w').write(repr([*said, sorted(self.frame)]))\n"
        "def log(pandas, dataset_timestamp): return Result(pandas, dataset_timestamp)\n"
    )
    (tmp_path / "whylogs.py").write_text(library)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    files = unpacked(ModelExports(store).whylogs_profiles(window))
    said: dict[str, Any] = {name: content.decode() for name, content in files.items()}
    assert set(said) == {"window.bin", "reference.bin"}
    for text in said.values():
        assert "'True', '2013-03-04T00:00:00+00:00', 2000" in text
        assert "'observed value', 'predicted value', 'prediction score', 'x', 'z'" in text
