"""A repository of the Hugging Face Hub: the model card, the files, and a handler for endpoints."""

from __future__ import annotations

from pilothouse.interop.exporting.container_files import python_refusal, scorer_files
from pilothouse.interop.exporting.export_notes import decisions, left_out, processes_left_out
from pilothouse.interop.exporting.plan import ExportPlan, json_file, text
from pilothouse.interop.exporting.subject import ExportSubject
from pilothouse.interop.exporting.targets import export_targets
from pilothouse.kit.parameters import Parameter, Params

FOLDER = "huggingface/"
HANDLER = '''\
"""Answers requests of an inference endpoint with the model beside this file."""

import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "server"))

from pilothouse.deployments.standalone.scorer import Scorer


class EndpointHandler:
    """The checks, the scores and the decision of the version."""

    def __init__(self, path=""):
        self._scorer = Scorer.load(Path(path or HERE) / "model")

    def __call__(self, data):
        """Predictions, scores and ids of rows, each an object with the columns by name."""
        body = json.dumps({"dataframe_records": data["inputs"]}).encode()
        answer = self._scorer.answer(body, "invocations")
        value = json.loads(answer.body)
        if answer.status != 200:
            raise ValueError(value["error"])
        return value
'''
REPOSITORY = Parameter(
    "repository", "text", "", title="Repository", help="OWNER/NAME on the Hub; empty: to fill in."
)
NO_CARD = "# {ref}\n"
STEPS = """\
    pip install huggingface_hub
    hf upload {repository} huggingface .

`README.md` is the model card, and an inference endpoint with a custom handler answers
`{{"inputs": [{{...}}]}}` with `handler.py` and `requirements.txt`."""


@export_targets.register("huggingface")
class HuggingFaceTarget:
    """A folder for `hf upload`."""

    title = "Hugging Face Hub"
    description = (
        "A folder to upload: the model card as README.md, the model's files, and a handler for "
        "inference endpoints."
    )
    parameters = (REPOSITORY,)

    @staticmethod
    def refusal(subject: ExportSubject) -> str:
        """It takes every version whose Python the modules can run on."""
        return python_refusal(subject)

    @staticmethod
    def plan(subject: ExportSubject, options: Params) -> ExportPlan:
        """Everything is in `huggingface/`."""
        config = {
            "model_type": "pilothouse",
            "model": subject.model,
            "version": subject.version,
            "signature": subject.launch.signature,
        }
        return ExportPlan(
            files={
                f"{FOLDER}README.md": text(subject.card or NO_CARD.format(ref=subject.ref)),
                f"{FOLDER}config.json": json_file(config),
                f"{FOLDER}handler.py": text(HANDLER),
                **scorer_files(subject, FOLDER),
            },
            carried=("The model card, with what people wrote in it.", *decisions(subject)),
            left_out=(
                *left_out(subject),
                *processes_left_out(subject, "a repository"),
                "The size of an endpoint: it is chosen on the Hub.",
            ),
            notes=("Whoever may read the repository reads the card and the model.",),
            steps=STEPS.format(repository=options.text("repository").strip() or "OWNER/NAME"),
        )
