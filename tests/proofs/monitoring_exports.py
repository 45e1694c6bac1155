"""Proof of exports of windows: whylogs, Arize's validator and Phoenix take the files.

    python tests/proofs/monitoring_exports.py [FOLDER]

Windows of models of three tasks are exported. whylogs, in an environment of its own, counts the
same rows and finds the same extremes, and merges profiles; Arize's offline validator accepts
predictions and late labels, and refuses them once a column is missing or a score is a text. A
Phoenix server takes the spans and the labels, and its client reads the same of them; the names of
their attributes are those of OpenInference, and both forms of a span are one to OpenTelemetry.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
from prove import environment, plain_variables

from harness.programs import free_port
from harness.running_instance import wait_for
from harness.task_windows import NAME, ROWS, begin, draw
from pilothouse.interop.exporting.api import ModelExports
from pilothouse.kit.clock import FixedClock
from pilothouse.kit.settings import Settings
from pilothouse.storage import open_store
from pilothouse.storage.migrate import migrate

WHYLOGS = ("whylogs==1.6.4", "pandas<3", "setuptools<81")
ARIZE = ("arize==8.61.0", "pandas<3", "pyarrow")
PHOENIX = ("arize-phoenix==20.26.1", "openinference-semantic-conventions>=0.1.42")
START_S = 180.0
NOW = datetime(2026, 3, 1, tzinfo=UTC)
READ_PROFILES = """
import json, sys
from whylogs import DatasetProfileView
folder, rows = sys.argv[1], int(sys.argv[2])
views = [DatasetProfileView.read(f"{folder}/{name}.bin") for name in ("window", "reference")]
for view in views:
    frame = view.to_pandas()
    assert set(frame["counts/n"]) == {rows}, frame["counts/n"]
    assert {"x", "z"} <= set(frame.index)
window = views[0].to_pandas()
truth = json.load(open(f"{folder}/truth.json"))
for name in ("x", "z"):
    for statistic, value in truth[name].items():
        assert abs(window.loc[name, f"distribution/{statistic}"] - value) < 1e-9, statistic
merged = views[0].merge(views[1]).to_pandas()
assert set(merged.loc[["x", "z"], "counts/n"]) == {2 * rows}, merged["counts/n"]
print(len(window), "columns")
"""
SEND_SPANS = """
import base64, glob, json, sys, urllib.request
from google.protobuf import json_format
from openinference.semconv.resource import ResourceAttributes
from openinference.semconv.trace import OpenInferenceSpanKindValues, SpanAttributes
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from phoenix.client import Client

folder, url, project = sys.argv[1:]
requests = [json.loads(line) for line in open(f"{folder}/spans.jsonl")]
known = {value for name, value in vars(SpanAttributes).items() if name.isupper()}
sent = {}
for path, request in zip(sorted(glob.glob(f"{folder}/*.pb")), requests, strict=True):
    for resource in request["resourceSpans"]:
        names = {pair["key"] for pair in resource["resource"]["attributes"]}
        assert names == {ResourceAttributes.PROJECT_NAME, "service.name"}
        for span in resource["scopeSpans"][0]["spans"]:
            values = {pair["key"]: pair["value"]["stringValue"] for pair in span["attributes"]}
            assert set(values) <= known, set(values) - known
            assert OpenInferenceSpanKindValues(values["openinference.span.kind"])
            sent[span["spanId"]] = values, int(span["startTimeUnixNano"])
            for name in ("traceId", "spanId"):  # Protocol Buffers' own JSON has another form
                span[name] = base64.b64encode(bytes.fromhex(span[name])).decode()
    content = open(path, "rb").read()
    from_json = json_format.ParseDict(request, ExportTraceServiceRequest())
    assert ExportTraceServiceRequest.FromString(content) == from_json
    post = urllib.request.Request(f"{url}/v1/traces", content)
    post.add_header("Content-Type", "application/x-protobuf")
    assert urllib.request.urlopen(post).status == 200
client = Client(base_url=url)
import time
for _ in range(60):
    frame = client.spans.get_spans_dataframe(project_identifier=project, limit=10_000)
    if len(frame) == len(sent):
        break
    time.sleep(1)
assert len(frame) == len(sent), len(frame)
for span, row in frame.iterrows():
    values, began = sent[span]
    assert json.loads(row["attributes.input.value"]) == json.loads(values["input.value"])
    assert json.loads(row["attributes.output.value"]) == json.loads(values["output.value"])
    assert row["span_kind"] == "CHAIN" and row["start_time"].value // 1000 == began // 1000
labels = {}
for path in sorted(glob.glob(f"{folder}/annotations-*.json")):
    content = open(path, "rb").read()
    post = urllib.request.Request(f"{url}/v1/span_annotations?sync=true", content)
    post.add_header("Content-Type", "application/json")
    assert urllib.request.urlopen(post).status == 200
    labels |= {each["span_id"]: each["result"]["label"] for each in json.loads(content)["data"]}
some = list(labels)[:50]
read = client.spans.get_span_annotations(span_ids=some, project_identifier=project)
assert {each["span_id"]: each["result"]["label"] for each in read} == {s: labels[s] for s in some}
print("Phoenix:", len(sent), "spans read back,", len(labels), "labels,", len(some), "compared")
"""
VALIDATE = """
import json, sys
import pandas as pd, pyarrow as pa
from arize.ml.batch_validation.validator import Validator
from arize.ml.types import Environments, ModelTypes, Schema
folder = sys.argv[1]
about = json.load(open(f"{folder}/schema.json"))
kind, environment = ModelTypes[about["model_type"]], Environments[about["environment"]]

def errors(frame, schema):
    model, version = about["model_name"], about["model_version"]
    found = Validator.validate_required_checks(frame, model, environment, schema, version)
    if not found:
        found = Validator.validate_params(frame, model, kind, environment, schema, None, version)
    if not found:
        found = Validator.validate_types(kind, schema, pa.Schema.from_pandas(frame))
    if not found:
        found = Validator.validate_values(frame, environment, schema, kind, 20)
    return [str(error) for error in found]

predictions = pd.read_parquet(f"{folder}/predictions.parquet")
actuals = pd.read_parquet(f"{folder}/actuals.parquet")
schema = Schema(**about["predictions"])
assert errors(predictions, schema) == [], errors(predictions, schema)
late = Schema(**about["actuals"])
assert errors(actuals, late) == [], errors(actuals, late)
assert errors(predictions.drop(columns=["x"]), schema), "a column that is missing"
for name, kinds in (("prediction_score", "BINARY"), ("prediction_label", "REGRESSION")):
    if about["model_type"].startswith(kinds):
        assert errors(predictions.assign(**{name: "high"}), schema), f"{name} that is a text"
print(about["model_type"], len(predictions), "predictions,", len(actuals), "labels accepted")
"""


def main(folder: Path) -> int:
    """Prove it; the number of what differs, 0 unless something raises."""
    arize, whylogs = environment(folder, ARIZE), environment(folder, WHYLOGS)
    phoenix = environment(folder, PHOENIX)
    [packages] = (whylogs.parent.parent / "lib").glob("python*/site-packages")
    for task in ("binary", "multiclass", "regression"):
        with tempfile.TemporaryDirectory(prefix="monitoring-exports-") as scratch:
            place = Path(scratch)
            clock = FixedClock(NOW)
            store = open_store(Settings(workspace=place / "workspace", actor="ada"), clock=clock)
            migrate(store)
            served = begin(store, clock, task)
            served.give_evaluation(draw(task, 1))
            drawn = draw(task, 2)
            window = served.week(0, drawn)["window"]
            truth = drawn.features.agg(["min", "max", "mean"])
            (place / "truth.json").write_text(truth.to_json())
            exports = ModelExports(store)
            unpack(exports.arize_files(NAME), place)
            say(task, run(arize, VALIDATE, place / f"{NAME}-1"))
            sys.path.append(str(packages))  # behind our own: what is installed for the extra
            unpack(exports.whylogs_profiles(window), place)
            sys.path.remove(str(packages))
            say(task, "whylogs: " + run(whylogs, READ_PROFILES, place, ROWS))
            (place / "spans").mkdir()
            unpack(exports.openinference_spans(NAME), place / "spans")
            with phoenix_server(phoenix, place / "phoenix") as url:
                say(task, run(phoenix, SEND_SPANS, place / "spans", url, NAME))
            store.engine.dispose()
    return 0


@contextmanager
def phoenix_server(python: Path, folder: Path) -> Iterator[str]:
    """The address of a server of Phoenix that keeps everything in a folder."""
    folder.mkdir()
    port, other = free_port(), free_port()
    url = f"http://127.0.0.1:{port}"
    variables = plain_variables() | {
        "PHOENIX_WORKING_DIR": str(folder),
        "PHOENIX_HOST": "127.0.0.1",
        "PHOENIX_PORT": str(port),
        "PHOENIX_GRPC_PORT": str(other),
        "PHOENIX_TELEMETRY_ENABLED": "false",
    }
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [python.parent / "phoenix", "serve"], env=variables, stdout=log, stderr=log
        )
        try:
            wait_for(lambda: answers(url), "Phoenix answers", START_S)
            yield url
        finally:
            server.terminate()
            server.wait()


def answers(url: str) -> bool:
    """Whether a server is there."""
    try:
        return httpx.get(f"{url}/healthz", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def unpack(content: bytes, folder: Path) -> None:
    """Unpack an export."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        archive.extractall(folder)


def run(python: Path, program: str, *arguments: object) -> str:
    """What a program prints in an environment; raises AssertionError with its errors."""
    variables = plain_variables() | {"WHYLOGS_NO_ANALYTICS": "True"}
    command = [str(python), "-c", program, *map(str, arguments)]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.strip()


def say(task: str, text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{task:12} {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    proofs = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ["PROOFS"]).resolve()
    proofs.mkdir(parents=True, exist_ok=True)
    sys.exit(main(proofs))
