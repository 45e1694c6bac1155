"""A BentoML service with the version behind one method."""

from __future__ import annotations

from typing import Any

from pilothouse.interop.exporting.container_files import (
    CPU,
    MEMORY,
    REPLICAS,
    memory_of,
    python_refusal,
    scorer_files,
)
from pilothouse.interop.exporting.export_notes import decisions, left_out, scaling_left_out
from pilothouse.interop.exporting.plan import ExportPlan, text, yaml_file
from pilothouse.interop.exporting.subject import ExportSubject
from pilothouse.interop.exporting.targets import export_targets
from pilothouse.kit.parameters import Params

TIMEOUT_SECONDS = 30
SERVICE = '''\
"""A service of BentoML that answers with the model beside this file."""

import json
import sys
from http import HTTPStatus
from pathlib import Path
from typing import Any

import bentoml
from bentoml.exceptions import BentoMLException

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "server"))

from pilothouse.deployments.standalone.scorer import Scorer


class Unprocessable(BentoMLException):
    """The rows do not fit the model."""

    error_code = HTTPStatus.UNPROCESSABLE_ENTITY


@bentoml.service(
    name={name!r},
    workers={workers},
    resources={resources!r},
    traffic={traffic!r},
)
class ModelService:
    """The checks, the probabilities and the decision of the version."""

    def __init__(self) -> None:
        self._scorer = Scorer.load(HERE / "model")

    @bentoml.api
    def predict(self, instances: list[dict[str, Any]]) -> dict[str, Any]:
        """Predictions, scores and ids of rows, each an object with the columns by name."""
        body = json.dumps({{"dataframe_records": instances}}).encode()
        answer = self._scorer.answer(body, "invocations")
        value = json.loads(answer.body)
        if answer.status != 200:
            raise Unprocessable(value["error"])
        return value
'''
STEPS = """\
    pip install bentoml --requirement bentoml/requirements.txt
    cd bentoml && bentoml serve service:ModelService

`bentoml build` in the same folder makes a bento, and `bentoml containerize` an image of it. It
answers `POST /predict` with `{"instances": [{...}]}`."""


@export_targets.register("bentoml")
class BentomlTarget:
    """A folder for `bentoml serve` and `bentoml build`, for BentoML 1.4."""

    title = "BentoML"
    description = "A service with one method, and the bentofile.yaml that builds it."
    parameters = (CPU, MEMORY, REPLICAS)

    @staticmethod
    def refusal(subject: ExportSubject) -> str:
        """It takes every version whose Python the modules can run on."""
        return python_refusal(subject)

    @staticmethod
    def plan(subject: ExportSubject, options: Params) -> ExportPlan:
        """Everything is in `bentoml/`."""
        workers = options["replicas"] or subject.processes.least
        memory = memory_of(subject, options)
        limits = subject.settings
        traffic: dict[str, Any] = {"timeout": TIMEOUT_SECONDS}
        at_once: tuple[str, ...] = ()
        if limits.max_concurrent is not None:
            traffic["max_concurrency"] = limits.max_concurrent
            at_once = (f"At most {limits.max_concurrent} requests at once, by each worker.",)
        service = SERVICE.format(
            name=subject.label,
            workers=workers,
            resources={"cpu": f"{options['cpu']:g}", "memory": f"{memory}Mi"},
            traffic=traffic,
        )
        bentofile = {
            "service": "service:ModelService",
            "name": subject.label,
            "labels": {"pilothouse-version": f"{subject.label}-{subject.version}"},
            "include": ["service.py", "server/**", "model/**"],
            "python": {"requirements_txt": "./requirements.txt"},
            "docker": {"python_version": subject.python},
        }
        return ExportPlan(
            files={
                "bentoml/service.py": text(service),
                "bentoml/bentofile.yaml": yaml_file(bentofile),
                **scorer_files(subject, "bentoml/"),
            },
            carried=(
                *decisions(subject),
                f"Processes: {workers} workers, with {options['cpu']:g} CPU and {memory:,} MB.",
                *at_once,
                "Health at `/livez` and `/readyz`, BentoML's metrics at `/metrics`.",
            ),
            left_out=(
                *left_out(subject, at_once=True),
                *scaling_left_out(subject, "BentoML without BentoCloud"),
                "The protocols here: BentoML has a form of its own.",
            ),
            steps=STEPS,
        )
