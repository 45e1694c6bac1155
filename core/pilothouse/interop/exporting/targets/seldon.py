"""A Model of Seldon Core 2 for its MLServer, and the Experiment of a running canary."""

from __future__ import annotations

from typing import Any

from pilothouse.interop.exporting.container_files import (
    MAX_REPLICAS,
    MEMORY,
    REPLICAS,
    memory_of,
    python_refusal,
    replicas_of,
)
from pilothouse.interop.exporting.export_notes import decisions, left_out
from pilothouse.interop.exporting.kubernetes_objects import labels, origin
from pilothouse.interop.exporting.plan import ExportPlan, yaml_file
from pilothouse.interop.exporting.subject import ExportSubject
from pilothouse.interop.exporting.targets import export_targets
from pilothouse.interop.exporting.targets.mlserver import MlserverTarget
from pilothouse.kit.parameters import Parameter, Params, read_params

BUCKET = "s3://YOUR-BUCKET"
STORAGE = Parameter(
    "storage", "text", "", title="Place of the folder",
    help="Where mlserver/NAME is uploaded: s3://..., gs://...; empty for a place to fill in.",
)  # fmt: skip
STEPS = """\
Upload the folder `mlserver/{folder}` to `{storage}`, then:

    kubectl apply --filename seldon/model.yaml
{experiment}
Its MLServer needs the packages of `requirements.txt` in that folder: build them into its image."""
EXPERIMENT = "    kubectl apply --filename seldon/experiment.yaml\n"


@export_targets.register("seldon")
class SeldonTarget:
    """`mlops.seldon.io/v1alpha1`; the folder is that of the target `mlserver`."""

    title = "Seldon Core 2"
    description = (
        "A Model for the MLServer of Seldon Core 2 with the folder it loads, and the Experiment "
        "of a running canary."
    )
    parameters = (STORAGE, MEMORY, REPLICAS, MAX_REPLICAS)

    @staticmethod
    def refusal(subject: ExportSubject) -> str:
        """As MLServer."""
        return python_refusal(subject)

    @staticmethod
    def plan(subject: ExportSubject, options: Params) -> ExportPlan:
        """Files in `seldon/`, the folder in `mlserver/`."""
        storage = options["storage"] or f"{BUCKET}/{subject.label}/{subject.version}"
        folder = MlserverTarget.plan(subject, read_params("", MlserverTarget.parameters, {}))
        files = {"seldon/model.yaml": yaml_file(_model(subject, options, storage))}
        canary = subject.canary_percent
        if canary:
            files["seldon/experiment.yaml"] = yaml_file(_experiment(subject, canary))
        least, most = replicas_of(subject, options)
        return ExportPlan(
            files={**folder.files, **files},
            carried=(
                "The Open Inference Protocol.",
                *decisions(subject),
                f"Replicas: {least} to {most}, and memory to plan with.",
                *((f"Canary: its first step, {canary} % of the requests.",) * bool(canary)),
            ),
            left_out=(
                *left_out(subject, canary=True),
                *(("The later steps of the canary, its comparison and callers that stay with "
                   "their version: an Experiment has weights alone.",) * bool(canary)),
                "Probes: Seldon's agent asks the server, not the model.",
            ),
            notes=(
                "Seldon Core 2 could not be run for a proof: the files follow its published types.",
                *(() if options["storage"] else ("Fill in the place of the folder.",)),
            ),
            steps=STEPS.format(
                folder=subject.name, storage=storage, experiment=EXPERIMENT if canary else ""
            ),
        )  # fmt: skip


def _name(subject: ExportSubject, version: int | None) -> str:
    return f"{subject.label}-{version}"


def _model(subject: ExportSubject, options: Params, storage: str) -> dict[str, Any]:
    least, most = replicas_of(subject, options)
    return {
        "apiVersion": "mlops.seldon.io/v1alpha1",
        "kind": "Model",
        "metadata": {
            "name": _name(subject, subject.version),
            "labels": labels(subject),
            "annotations": origin(subject),
        },
        "spec": {
            "storageUri": storage,
            "requirements": ["python"],
            "memory": f"{memory_of(subject, options)}Mi",
            "replicas": least,
            "minReplicas": least,
            "maxReplicas": most,
        },
    }


def _experiment(subject: ExportSubject, percent: int) -> dict[str, Any]:
    stable = subject.deployment.stable_version if subject.deployment else None
    before = _name(subject, stable)
    return {
        "apiVersion": "mlops.seldon.io/v1alpha1",
        "kind": "Experiment",
        "metadata": {"name": f"{subject.label}-canary"},
        "spec": {
            "default": before,
            "resourceType": "model",
            "candidates": [
                {"name": before, "weight": 100 - percent},
                {"name": _name(subject, subject.version), "weight": percent},
            ],
        },
    }
