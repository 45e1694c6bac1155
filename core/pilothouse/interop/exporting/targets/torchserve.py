"""A model archive of TorchServe with a handler, and the configuration that serves it."""

from __future__ import annotations

import json
from typing import Any

from pilothouse.interop.exporting.container_files import (
    MAX_REPLICAS,
    PORT,
    REPLICAS,
    python_refusal,
    replicas_of,
    scorer_files,
)
from pilothouse.interop.exporting.export_notes import decisions, left_out
from pilothouse.interop.exporting.plan import ExportPlan, Zip, json_file, text
from pilothouse.interop.exporting.subject import ExportSubject
from pilothouse.interop.exporting.targets import export_targets
from pilothouse.kit.parameters import Params

TIMEOUT_SECONDS = 30
HANDLER = '''\
"""Answers requests of TorchServe with the model of this archive."""

import json
import sys
from pathlib import Path

scorer = None


def handle(data, context):
    """One answer for each request of a batch."""
    global scorer
    if scorer is None:
        folder = Path(context.system_properties["model_dir"])
        sys.path.insert(0, str(folder / "server"))
        from pilothouse.deployments.standalone.scorer import Scorer

        scorer = Scorer.load(folder / "model")
    if data is None:  # TorchServe loads the model with a call of nothing
        return None
    return [_answer(request, context, index) for index, request in enumerate(data)]


def _answer(request, context, index):
    body = request.get("body", request.get("data", request))
    raw = bytes(body) if isinstance(body, (bytes, bytearray)) else json.dumps(body).encode()
    is_frame = isinstance(body, dict) and any(key.startswith("dataframe_") for key in body)
    answer = scorer.answer(raw, "invocations" if is_frame else "torchserve")
    value = json.loads(answer.body)
    if answer.status != 200:
        context.set_response_status(code=answer.status, phrase=value["error"][:200], idx=index)
    return value
'''
STEPS = """\
    pip install torchserve torch pyyaml --requirement requirements.txt
    torchserve --start --foreground --model-store model_store --ts-config config.properties

The workers of TorchServe need PyTorch, whatever the model is. It answers at
`http://127.0.0.1:{port}/predictions/{name}`: rows with bare predictions, as `/predictions/{name}`
here; `dataframe_records` with predictions and scores, as `/invocations` here."""


@export_targets.register("torchserve")
class TorchserveTarget:
    """`NAME.mar` in `model_store/`; TorchServe is no longer maintained by its authors."""

    title = "TorchServe"
    description = "A model archive with a handler, and a configuration with its workers."
    parameters = (REPLICAS, MAX_REPLICAS)

    @staticmethod
    def refusal(subject: ExportSubject) -> str:
        """It takes every version whose Python the modules can run on."""
        return python_refusal(subject)

    @staticmethod
    def plan(subject: ExportSubject, options: Params) -> ExportPlan:
        """The archive, the lock and the configuration."""
        least, most = replicas_of(subject, options)
        inside = scorer_files(subject, "")
        lock = inside["requirements.txt"]
        archive = {
            **inside,
            "handler.py": text(HANDLER),
            "MAR-INF/MANIFEST.json": json_file(_manifest(subject)),
        }
        return ExportPlan(
            files={
                f"model_store/{subject.label}.mar": Zip(archive),
                "config.properties": text(_configuration(subject, least, most)),
                "requirements.txt": lock,
            },
            carried=(
                "TorchServe's form of requests and answers, and MLflow's, which has the scores.",
                *decisions(subject),
                f"Processes: {least} to {most} workers; their number is changed by TorchServe's "
                "management API, not by load.",
                "Health at `/ping`, metrics at the metrics address.",
            ),
            left_out=(
                *left_out(subject),
                "Other protocols than these two.",
                "Its tokens: `disable_token_authorization` is set, as callers have none yet.",
            ),
            notes=("TorchServe is archived by its authors: no faults are mended any more.",),
            steps=STEPS.format(port=PORT, name=subject.label),
        )


def _manifest(subject: ExportSubject) -> dict[str, Any]:
    return {
        "createdOn": "01/01/1980 00:00:00",  # a fixed time: the same archive has the same bytes
        "runtime": "python",
        "model": {
            "modelName": subject.label,
            "handler": "handler.py:handle",
            "modelVersion": str(subject.version),
        },
        "archiverVersion": "0.12.0",
    }


def _configuration(subject: ExportSubject, least: int, most: int) -> str:
    model = {
        str(subject.version): {
            "defaultVersion": True,
            "marName": f"{subject.label}.mar",
            "minWorkers": least,
            "maxWorkers": most,
            "batchSize": 1,
            "maxBatchDelay": 0,
            "responseTimeout": TIMEOUT_SECONDS,
        }
    }
    lines = {
        "inference_address": f"http://127.0.0.1:{PORT}",
        "management_address": f"http://127.0.0.1:{PORT + 1}",
        "metrics_address": f"http://127.0.0.1:{PORT + 2}",
        "disable_token_authorization": "true",
        "load_models": f"{subject.label}.mar",
        "models": json.dumps({subject.label: model}),
    }
    return "\n".join(f"{name}={value}" for name, value in lines.items())
