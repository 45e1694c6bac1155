"""Programs that ask a deployment for a prediction: in each protocol and language, ready to run.

They are made from the signature and the input example, so that each works as it stands.
"""

from __future__ import annotations

import json
import pprint
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pilothouse.deployments.gateway.oip import DATATYPES
from pilothouse.models.signature import Signature, SignatureField

ID, AT_MS = "order-17", 1_767_225_600_000
JSON = "application/json"
LINE, ASSIGNED = 96, "body = "
PLAIN_VALUES: dict[str, Any] = {
    "number": 0.0,
    "integer": 0,
    "string": "",
    "boolean": False,
    "time": AT_MS,
}
Body = dict[str, Any]
LANGUAGES = ("curl", "Python", "JavaScript")


@dataclass(frozen=True)
class ClientProtocol:
    """A protocol as its clients see it: where it is asked, with which body, and who speaks it.

    `answer` is the key of the answer that holds the predictions; "" when the answer is those.
    """

    title: str
    path: str
    spoken_by: str
    body: Callable[[Signature, Mapping[str, Any]], Body]
    answer: str


@dataclass(frozen=True)
class ClientExample:
    """A protocol of one deployment: its address, and a program in each of `LANGUAGES`."""

    title: str
    path: str
    spoken_by: str
    programs: dict[str, str]


def client_examples(
    name: str,
    signature: Signature,
    example: list[dict[str, Any]],
    base: str,
    *,
    needs_key: bool = False,
) -> tuple[ClientExample, ...]:
    """The examples of a deployment, whose server answers at `base`; one a protocol."""
    record = example_record(signature, example[0] if example else {})
    headers = {"Content-Type": JSON}
    if needs_key:
        headers["Authorization"] = "Bearer KEY"
    examples = []
    for protocol in CLIENT_PROTOCOLS:
        path = protocol.path.replace("NAME", name)
        body = protocol.body(signature, record)
        programs = {
            "curl": curl_command(base + path, body, headers),
            "Python": _python(base + path, body, headers, protocol.answer),
            "JavaScript": _javascript(base + path, body, headers, protocol.answer),
        }
        examples.append(ClientExample(protocol.title, path, protocol.spoken_by, programs))
    return tuple(examples)


def example_record(signature: Signature, example: Mapping[str, Any]) -> dict[str, Any]:
    """A row that the model takes: the example's values, and plain ones where it has none."""
    return {field.name: _value(field, example.get(field.name)) for field in signature.inputs}


def _value(field: SignatureField, value: Any) -> Any:
    if value is not None or field.takes_missing:
        return value
    if field.categories:
        return field.categories[0]
    if field.type in ("number", "integer") and field.low is not None:
        return field.low if field.type == "number" else int(field.low)
    return PLAIN_VALUES[field.type]


def _facts() -> Body:
    return {"prediction_ids": [ID], "event_time": AT_MS}


def _tensors(signature: Signature, record: Mapping[str, Any]) -> Body:
    inputs = [
        {"name": f.name, "shape": [1], "datatype": DATATYPES[f.type], "data": [record[f.name]]}
        for f in signature.inputs
    ]
    return {"inputs": inputs, "parameters": _facts()}


def _instances(_: Signature, record: Mapping[str, Any]) -> Body:
    return {"instances": [record], "parameters": _facts()}


def _records(_: Signature, record: Mapping[str, Any]) -> Body:
    return {"dataframe_records": [record], "params": _facts()}


def _data(_: Signature, record: Mapping[str, Any]) -> Body:
    return {"data": [record], "parameters": _facts()}


CLIENT_PROTOCOLS = (
    ClientProtocol(
        "Open Inference Protocol",
        "/v2/models/NAME/infer",
        "KServe, Triton with tritonclient[http], MLServer",
        _tensors,
        "outputs",
    ),
    ClientProtocol(
        "KServe v1, TensorFlow Serving",
        "/v1/models/NAME:predict",
        "KServe and TensorFlow Serving",
        _instances,
        "predictions",
    ),
    ClientProtocol(
        "MLflow, SageMaker",
        "/deployments/NAME/invocations",
        "MLflow; SageMaker at /invocations, for a single deployment",
        _records,
        "predictions",
    ),
    ClientProtocol(
        "Vertex AI",
        "/deployments/NAME/predict",
        "Vertex AI, as AIP_PREDICT_ROUTE",
        _instances,
        "predictions",
    ),
    ClientProtocol("TorchServe", "/predictions/NAME", "TorchServe", _data, ""),
)


def curl_command(url: str, body: Body, headers: Mapping[str, str] | None = None) -> str:
    """The command that sends a body as JSON, quoted for a shell."""
    text = json.dumps(body, ensure_ascii=False, default=str).replace("'", "'\\''")
    lines = [f"-H '{key}: {value}'" for key, value in (headers or {"Content-Type": JSON}).items()]
    return " \\\n  ".join([f"curl -s {url}", *lines, f"-d '{text}'"])


def _python(url: str, body: Body, headers: Mapping[str, str], answer: str) -> str:
    more = {key: value for key, value in headers.items() if key != "Content-Type"}
    arguments = f", headers={more!r}" if more else ""
    plain = json.loads(json.dumps(body, default=str))
    literal = pprint.pformat(plain, width=LINE - len(ASSIGNED), sort_dicts=False)
    literal = literal.replace("\n", f"\n{' ' * len(ASSIGNED)}")
    return (
        "import requests\n\n"
        f"{ASSIGNED}{literal}\n"
        f'answer = requests.post("{url}", json=body{arguments}, timeout=30)\n'
        "answer.raise_for_status()\n"
        f"print(answer.json(){f'[{answer!r}]' if answer else ''})"
    )


def _javascript(url: str, body: Body, headers: Mapping[str, str], answer: str) -> str:
    return (
        f"const body = {json.dumps(body, ensure_ascii=False, default=str, indent=2)};\n"
        f'const answer = await fetch("{url}", {{\n'
        '  method: "POST",\n'
        f"  headers: {json.dumps(headers)},\n"
        "  body: JSON.stringify(body),\n"
        "});\n"
        "if (!answer.ok) throw new Error(await answer.text());\n"
        f"console.log((await answer.json()){f'.{answer}' if answer else ''});"
    )
