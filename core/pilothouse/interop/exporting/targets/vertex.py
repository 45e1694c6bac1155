"""A model of Vertex AI in a custom container, and the calls that deploy it."""

from __future__ import annotations

from typing import Any

from pilothouse.interop.exporting.container_files import (
    MAX_REPLICAS,
    PORT,
    REPLICAS,
    container_files,
    image_of,
    python_refusal,
    replicas_of,
)
from pilothouse.interop.exporting.export_notes import left_out, own_server_carried
from pilothouse.interop.exporting.kubernetes_objects import CPU_PERCENT
from pilothouse.interop.exporting.plan import Content, ExportPlan, json_file
from pilothouse.interop.exporting.subject import ExportSubject
from pilothouse.interop.exporting.targets import export_targets
from pilothouse.kit.parameters import Parameter, Params

CPU_METRIC = "aiplatform.googleapis.com/prediction/online/cpu/utilization"
OLDER = "STABLE-DEPLOYED-MODEL-ID"
REGISTRY_IMAGE = Parameter(
    "image", "text", "", title="Image",
    help="In Artifact Registry: REGION-docker.pkg.dev/PROJECT/REPOSITORY/NAME:VERSION.",
)  # fmt: skip
MACHINE = Parameter(
    "machine", "text", "n1-standard-2", title="Machine", help="The type of a replica's machine."
)
STEPS = """\
    docker build --tag {image} container
    docker push {image}
    curl --request POST --header "Authorization: Bearer $(gcloud auth print-access-token)" \\
        --header "Content-Type: application/json" --data @vertex/upload-model.json \\
        https://REGION-aiplatform.googleapis.com/v1/projects/PROJECT/locations/REGION/models:upload

Then `vertex/create-endpoint.json` to `.../endpoints`, and `vertex/deploy-model.json`, with the
model's name filled in, to `.../endpoints/ENDPOINT:deployModel`. Requests are `instances`."""


@export_targets.register("vertex")
class VertexTarget:
    """Vertex AI's prebuilt scikit-learn containers are older than most models: a custom one."""

    title = "Vertex AI"
    description = (
        "The container, and the requests that upload the model and deploy it to an endpoint with "
        "autoscaling."
    )
    parameters = (REGISTRY_IMAGE, MACHINE, REPLICAS, MAX_REPLICAS)

    @staticmethod
    def refusal(subject: ExportSubject) -> str:
        """As the container."""
        return python_refusal(subject)

    @staticmethod
    def plan(subject: ExportSubject, options: Params) -> ExportPlan:
        """Requests in `vertex/`, the build context in `container/`."""
        image = image_of(subject, options)
        least, most = replicas_of(subject, options)
        requests: dict[str, Content] = {
            "vertex/upload-model.json": json_file({"model": _model(subject, image)}),
            "vertex/create-endpoint.json": json_file({"displayName": subject.label}),
            "vertex/deploy-model.json": json_file(_deploy(subject, options)),
        }
        has_canary = bool(subject.canary_percent)
        return ExportPlan(
            files={**container_files(subject, "container/"), **requests},
            carried=(
                *own_server_carried(subject),
                f"Replicas: {least} to {most} of {options['machine']}, more while their CPU is "
                "busy.",
                *_canary_carried(subject),
            ),
            left_out=(
                *left_out(subject, limits=True, canary=True),
                *(("The later steps of the canary, its comparison and callers that stay with "
                   "their version: Vertex AI splits by share alone.",) * has_canary),
                "Memory of a process: a machine type has its own.",
            ),
            notes=_notes(options, has_canary=has_canary),
            steps=STEPS.format(image=image),
        )  # fmt: skip


def _model(subject: ExportSubject, image: str) -> dict[str, Any]:
    return {
        "displayName": f"{subject.label}-{subject.version}",
        "versionAliases": [f"v{subject.version}"],
        "labels": {"model": subject.label, "version": str(subject.version)},
        "containerSpec": {
            "imageUri": image,
            "predictRoute": f"/deployments/{subject.name}/predict",
            "healthRoute": "/healthz",
            "ports": [{"containerPort": PORT}],
            "env": [{"name": "OMP_NUM_THREADS", "value": "1"}],
            "startupProbe": {
                "exec": {"command": ["python", "server/health.py"]},
                "periodSeconds": 10,
                "timeoutSeconds": 3,
            },
        },
    }


def _deploy(subject: ExportSubject, options: Params) -> dict[str, Any]:
    least, most = replicas_of(subject, options)
    split = {"0": 100}
    percent = subject.canary_percent
    if percent:
        split = {"0": percent, OLDER: 100 - percent}
    return {
        "deployedModel": {
            "model": "projects/PROJECT/locations/REGION/models/MODEL",
            "displayName": f"{subject.label}-{subject.version}",
            "dedicatedResources": {
                "machineSpec": {"machineType": options["machine"]},
                "minReplicaCount": least,
                "maxReplicaCount": most,
                "autoscalingMetricSpecs": [{"metricName": CPU_METRIC, "target": CPU_PERCENT}],
            },
        },
        "trafficSplit": split,
    }


def _canary_carried(subject: ExportSubject) -> tuple[str, ...]:
    percent = subject.canary_percent
    return (f"Canary: its first step, {percent} % of the requests.",) if percent else ()


def _notes(options: Params, *, has_canary: bool) -> tuple[str, ...]:
    lines = ["To fill in: PROJECT, REGION, ENDPOINT and MODEL."]
    if has_canary:
        lines.append(f"{OLDER} is the id of the deployed stable version: fill it in.")
    if not options["image"]:
        lines.append("Vertex AI takes images of Artifact Registry only: set the option `image`.")
    return tuple(lines)
