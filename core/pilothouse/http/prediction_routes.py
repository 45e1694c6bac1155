"""What OpenAPI says of the routes that the gateway and the server answer before FastAPI."""

from __future__ import annotations

from typing import Any

TAG = "predictions"
JSON = "application/json"
ROUTES: tuple[tuple[str, str, str, str, str], ...] = (
    # method, path, summary, schema of the body, schema of the answer
    ("post", "/v2/models/{deployment}/infer",
     "Predict (Open Inference Protocol v2).", "InferRequest", "InferAnswer"),
    ("post", "/v2/models/{deployment}/versions/{version}/infer",
     "The same, of a version that serves.", "InferRequest", "InferAnswer"),
    ("get", "/v2", "The server and its extensions of the protocol.", "", ""),
    ("get", "/v2/models/{deployment}", "The input and output tensors of a deployment.", "", ""),
    ("get", "/v2/models/{deployment}/versions/{version}",
     "The same, of a version that serves.", "", ""),
    ("get", "/v2/models/{deployment}/ready", "Whether a process of a deployment is ready.", "", ""),
    ("get", "/v2/models/{deployment}/versions/{version}/ready",
     "The same, of a version that serves.", "", ""),
    ("get", "/v2/health/live", "Whether the server lives.", "", ""),
    ("get", "/v2/health/ready", "Whether the server is ready.", "", ""),
    ("post", "/v1/models/{deployment}:predict",
     "Predict (KServe v1, TensorFlow Serving).", "PredictRequest", "PredictAnswer"),
    ("post", "/v1/models/{deployment}/versions/{version}:predict",
     "The same, of a version that serves.", "PredictRequest", "PredictAnswer"),
    ("post", "/v1/models/{deployment}/labels/{label}:predict",
     "The same, of the version that has an alias, when it serves.",
     "PredictRequest", "PredictAnswer"),
    ("get", "/v1/models", "The names of all deployments.", "", ""),
    ("get", "/v1/models/{deployment}", "The version that serves, and its state.", "", ""),
    ("get", "/v1/models/{deployment}/versions/{version}",
     "The same, of a version that serves.", "", ""),
    ("get", "/v1/models/{deployment}/labels/{label}",
     "The same, of the version that has an alias.", "", ""),
    ("get", "/v1/models/{deployment}/metadata",
     "The inputs and outputs, as TensorFlow Serving says them.", "", ""),
    ("post", "/deployments/{deployment}/predict",
     "Predict (Vertex AI's form).", "PredictRequest", "PredictAnswer"),
    ("post", "/deployments/{deployment}/invocations",
     "Predict (MLflow's forms).", "InvocationRequest", "InvocationAnswer"),
    ("post", "/invocations",
     "The same, while one deployment serves (SageMaker).", "InvocationRequest", "InvocationAnswer"),
    ("post", "/predictions/{deployment}", "Predict (TorchServe).", "RowsRequest", ""),
    ("post", "/predictions/{deployment}/{version}",
     "The same, of a version that serves.", "RowsRequest", ""),
    ("get", "/ping", "Whether the server is ready.", "", ""),
    ("post", "/deployments/{deployment}/labels",
     "Add labels: ids, labels, at.", "LabelsRequest", ""),
    ("post", "/deployments/{deployment}/predictions",
     "Log predictions that were made elsewhere.", "RecordRequest", ""),
    ("post", "/deployments/{deployment}/feedback",
     "Tell what predictions or entities have brought, for the comparison of versions.",
     "FeedbackRequest", ""),
    ("post", "/stages/{stage}/v2/models/{model}/infer",
     "Predict with the deployment of a model in a stage; every address has such a form.",
     "InferRequest", "InferAnswer"),
    ("post", "/stages/{stage}/deployments/{model}/invocations",
     "The same in MLflow's forms.", "InvocationRequest", "InvocationAnswer"),
    ("get", "/metrics", "Prometheus metrics.", "", ""),
    ("get", "/healthz", "Whether the process lives.", "", ""),
    ("get", "/readyz", "Whether requests can be answered.", "", ""),
)  # fmt: skip
REFUSALS = {
    "401": "An API key is needed.",
    "403": "The API key is for something else.",
    "404": "There is no such deployment, or the version or label does not serve.",
    "409": "The deployment is served elsewhere, or here.",
    "413": "The body, its rows or its values are too many.",
    "415": "The content type or the content encoding is not read.",
    "422": "The request cannot be used; the message says what is wrong.",
    "429": "A limit of the deployment is reached; `Retry-After` says when to try again.",
    "503": "Too many requests wait, or no process is ready; `Retry-After` says when to try again.",
}
PATH_PARAMETERS: dict[str, dict[str, Any]] = {
    "deployment": {"type": "string", "minLength": 1},
    "version": {"type": "integer", "minimum": 1, "maximum": 999_999_999},
    "label": {"type": "string", "minLength": 1, "description": "An alias of the model."},
}
HEADERS = {
    "x-event-time": "When the events happened, in milliseconds since 1970.",
    "x-prediction-ids": "The ids of the rows, separated by commas.",
    "x-entity-id": "Whom or what the rows are about.",
    "x-model-version": "The version that should answer, of those that serve.",
}
ROW = {"oneOf": [{"type": "object"}, {"type": "array"}]}
ROWS: dict[str, Any] = {"type": "array", "items": ROW, "minItems": 1}
FACTS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "event_time": {
            "description": "Milliseconds since 1970, one for all rows or one a row.",
            "oneOf": [
                {"type": "integer"},
                {"type": "array", "items": {"type": "integer"}},
            ],
        },
        "prediction_ids": {"type": "array", "items": {"type": "string"}},
        "entity_id": {"type": "string", "description": "Whom or what the rows are about."},
    },
}
TENSOR: dict[str, Any] = {
    "type": "object",
    "required": ["name", "shape", "datatype"],
    "properties": {
        "name": {"type": "string"},
        "shape": {"type": "array", "items": {"type": "integer"}},
        "datatype": {"type": "string"},
        "parameters": {"type": "object"},
        "data": {"type": "array"},
    },
}
SCHEMAS: dict[str, dict[str, Any]] = {
    "InferRequest": {
        "type": "object",
        "required": ["inputs"],
        "properties": {
            "id": {"type": "string"},
            "inputs": {"type": "array", "items": TENSOR, "minItems": 1},
            "outputs": {
                "type": "array",
                "items": {"type": "object", "required": ["name"],
                          "properties": {"name": {"type": "string"}}},
            },
            "parameters": FACTS,
        },
    },
    "InferAnswer": {
        "type": "object",
        "required": ["model_name", "outputs"],
        "properties": {
            "model_name": {"type": "string"},
            "model_version": {"type": "string"},
            "id": {"type": "string"},
            "outputs": {"type": "array", "items": TENSOR},
        },
    },
    "PredictRequest": {
        "type": "object",
        "description": "Exactly one of instances and inputs.",
        "properties": {
            "instances": {"type": "array", "minItems": 1},
            "inputs": {"oneOf": [{"type": "object"}, {"type": "array"}]},
            "signature_name": {"type": "string"},
            "parameters": FACTS,
        },
    },
    "PredictAnswer": {
        "type": "object",
        "properties": {
            "predictions": {"type": "array"},
            "outputs": {"oneOf": [{"type": "object"}, {"type": "array"}]},
            "prediction_ids": {"type": "array", "items": {"type": "string"}},
        },
    },
    "InvocationRequest": {
        "type": "object",
        "description": "Exactly one of the four forms of rows.",
        "properties": {
            "dataframe_split": {
                "type": "object",
                "required": ["data"],
                "properties": {
                    "columns": {"type": "array", "items": {"type": "string"}},
                    "data": {"type": "array", "items": {"type": "array"}},
                },
            },
            "dataframe_records": ROWS,
            "instances": ROWS,
            "inputs": {"oneOf": [{"type": "object"}, {"type": "array"}]},
            "params": FACTS,
        },
    },
    "InvocationAnswer": {
        "type": "object",
        "required": ["predictions"],
        "properties": {
            "predictions": {"type": "array"},
            "scores": {"type": "array", "items": {"type": "number"}},
            "outputs": {"type": "object"},
            "prediction_ids": {"type": "array", "items": {"type": "string"}},
        },
    },
    "RowsRequest": {"oneOf": [ROWS, {"type": "object"}]},
    "LabelsRequest": {
        "type": "object",
        "required": ["ids", "labels"],
        "properties": {
            "ids": {"type": "array", "items": {"type": "string"}, "minItems": 1},
            "labels": {"type": "array"},
            "at": FACTS["properties"]["event_time"],
        },
    },
    "RecordRequest": {
        "type": "object",
        "required": ["predictions"],
        "properties": {
            "predictions": {"type": "array", "items": {"type": "object"}, "minItems": 1},
            "columns": {"type": "object"},
        },
    },
    "FeedbackRequest": {
        "type": "object",
        "description": "One reward, or a list of them in `feedback`; each with one of the ids.",
        "properties": {
            "prediction_id": {"type": "string"},
            "entity_id": {"type": "string"},
            "reward": {"type": "number"},
            "feedback": {"type": "array", "items": {"type": "object"}, "minItems": 1},
        },
    },
    "Error": {
        "type": "object",
        "required": ["error", "code"],
        "properties": {
            "error": {"type": "string"},
            "code": {"type": "string"},
            "fields": {"type": "object"},
        },
    },
}  # fmt: skip


def add_to(document: dict[str, Any]) -> None:
    """Add the routes and their schemas to an OpenAPI document."""
    for method, path, summary, body, answer in ROUTES:
        operation = _operation(method, path, summary, body, answer)
        document["paths"].setdefault(path, {})[method] = operation
    document.setdefault("components", {}).setdefault("schemas", {}).update(SCHEMAS)


def _operation(method: str, path: str, summary: str, body: str, answer: str) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": summary,
        "tags": [TAG],
        "responses": {"200": _answer("Answered.", answer)},
    }
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": schema}
        for name, schema in PATH_PARAMETERS.items()
        if f"{{{name}}}" in path
    ]
    has_deployment = bool(parameters)
    if method == "post" and not path.endswith(("/labels", "/predictions")):
        parameters += [
            {"name": name, "in": "header", "description": text, "schema": {"type": "string"}}
            for name, text in HEADERS.items()
        ]
    if parameters:
        operation["parameters"] = parameters
    if body:
        schema = {"schema": {"$ref": f"#/components/schemas/{body}"}}
        content: dict[str, Any] = {JSON: schema}
        if body == "InvocationRequest":
            content["text/csv"] = {"schema": {"type": "string"}}
            content["application/vnd.apache.parquet"] = {"schema": {"type": "string"}}
        operation["requestBody"] = {"required": True, "content": content}
        for status, description in REFUSALS.items():
            operation["responses"][status] = _answer(description, "Error")
    elif has_deployment:
        operation["responses"]["404"] = _answer(REFUSALS["404"], "Error")
    if path.endswith(("/ready", "/readyz", "/ping")) or method == "post":
        operation["responses"].setdefault("503", {"description": REFUSALS["503"]})
    return operation


def _answer(description: str, schema: str) -> dict[str, Any]:
    if not schema:
        return {"description": description}
    reference = {"$ref": f"#/components/schemas/{schema}"}
    return {"description": description, "content": {JSON: {"schema": reference}}}
