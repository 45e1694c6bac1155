"""Settings and a runtime of MLServer, which Seldon Core and KServe run too."""

from __future__ import annotations

from pilothouse.deployments.gateway import oip
from pilothouse.interop.exporting.container_files import PORT, python_refusal, scorer_files
from pilothouse.interop.exporting.export_notes import decisions, left_out, processes_left_out
from pilothouse.interop.exporting.plan import ExportPlan, json_file, text
from pilothouse.interop.exporting.subject import ExportSubject
from pilothouse.interop.exporting.targets import export_targets
from pilothouse.kit.parameters import Parameter, Params

RUNTIME = '''\
"""Answers requests of MLServer with the model beside this file."""

import asyncio
import json
import sys
from pathlib import Path

from mlserver import MLModel
from mlserver.errors import MLServerError
from mlserver.types import InferenceRequest, InferenceResponse

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "server"))

from pilothouse.deployments.standalone.scorer import Scorer


class PilothouseRuntime(MLModel):
    """The checks, the probabilities and the decision of the version."""

    async def load(self) -> bool:
        self._scorer = await asyncio.to_thread(Scorer.load, HERE / "model")
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        inputs = [tensor.model_dump(exclude_none=True, exclude={"parameters"})
                  for tensor in payload.inputs]
        asked = [{"name": output.name} for output in payload.outputs or ()]
        body = {"inputs": inputs, **({"outputs": asked} if asked else {})}
        answer = await asyncio.to_thread(self._scorer.answer, json.dumps(body).encode(), "oip")
        value = json.loads(answer.body)
        if answer.status != 200:
            raise MLServerError(value["error"], answer.status)
        return InferenceResponse(**{**value, "id": payload.id})
'''
PORTS = Parameter("port", "integer", PORT, 1, 65_535, title="Port", help="Of its HTTP server.")
STEPS = """\
    pip install mlserver==1.7.1 --requirement mlserver/{name}/requirements.txt
    mlserver start mlserver

It answers in the Open Inference Protocol at `http://127.0.0.1:{port}/v2/models/{name}/infer`, with
one input tensor for each column."""


@export_targets.register("mlserver")
class MlserverTarget:
    """A folder that `mlserver start` takes, with the version as a custom runtime."""

    title = "MLServer"
    description = (
        "A folder for `mlserver start`: settings, and a runtime that answers with the version's "
        "own checks and decision."
    )
    parameters = (PORTS,)

    @staticmethod
    def refusal(subject: ExportSubject) -> str:
        """It takes every version whose Python the modules can run on."""
        return python_refusal(subject)

    @staticmethod
    def plan(subject: ExportSubject, options: Params) -> ExportPlan:
        """Everything is in `mlserver/`."""
        port, signature = options.integer("port"), subject.signature
        metadata = oip.metadata(subject.name, subject.version, signature)
        # Models in the server's own process: the runtime's folder is not on a worker's path.
        server = {"http_port": port, "debug": False, "parallel_workers": 0}
        model = {
            "name": subject.name,
            "implementation": "runtime.PilothouseRuntime",
            "platform": "pilothouse",
            "versions": [str(subject.version)],
            "inputs": metadata["inputs"],
            "outputs": metadata["outputs"],
            "parameters": {"version": str(subject.version), "uri": "./model"},
        }
        folder = f"mlserver/{subject.name}/"
        return ExportPlan(
            files={
                "mlserver/settings.json": json_file(server),
                f"{folder}model-settings.json": json_file(model),
                f"{folder}runtime.py": text(RUNTIME),
                **scorer_files(subject, folder),
            },
            carried=(
                "The Open Inference Protocol, with the inputs and outputs as its metadata.",
                *decisions(subject),
                "Health at `/v2/health/live` and `/v2/health/ready`, MLServer's metrics at "
                "`/metrics` of its metrics port.",
            ),
            left_out=(
                *left_out(subject),
                *processes_left_out(subject, "MLServer"),
                "Other protocols than the Open Inference Protocol.",
            ),
            steps=STEPS.format(name=subject.name, port=port),
        )
