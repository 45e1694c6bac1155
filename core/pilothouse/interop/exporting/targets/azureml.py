"""An online endpoint of Azure Machine Learning that runs the container."""

from __future__ import annotations

from typing import Any

from pilothouse.interop.exporting.container_files import (
    PORT,
    REPLICAS,
    container_files,
    image_of,
    python_refusal,
)
from pilothouse.interop.exporting.export_notes import (
    left_out,
    own_server_carried,
    scaling_left_out,
)
from pilothouse.interop.exporting.plan import ExportPlan, yaml_file
from pilothouse.interop.exporting.subject import ExportSubject
from pilothouse.interop.exporting.targets import export_targets
from pilothouse.kit.parameters import Parameter, Params

SCHEMAS = "https://azuremlschemas.azureedge.net/latest"
MAX_NAME = 32
TIMEOUT_MS = 30_000
PROBE_SECONDS = 10
REGISTRY_IMAGE = Parameter(
    "image", "text", "", title="Image", help="In a registry of Azure: NAME.azurecr.io/NAME:VERSION."
)
INSTANCE = Parameter(
    "instance", "text", "Standard_DS3_v2", title="Instance", help="The type of a machine."
)
STEPS = """\
    docker build --tag {image} container
    docker push {image}
    az ml online-endpoint create --file azureml/endpoint.yml
    az ml online-deployment create --file azureml/deployment.yml
    az ml online-endpoint update --file azureml/traffic.yml

It answers MLflow's form of requests at the endpoint's address, with a key of Azure's."""


@export_targets.register("azureml")
class AzuremlTarget:
    """Files for `az ml`: endpoint, deployment and traffic."""

    title = "Azure Machine Learning"
    description = "The container, and an online endpoint with a deployment, probes and traffic."
    parameters = (REGISTRY_IMAGE, INSTANCE, REPLICAS)

    @staticmethod
    def refusal(subject: ExportSubject) -> str:
        """As the container."""
        return python_refusal(subject)

    @staticmethod
    def plan(subject: ExportSubject, options: Params) -> ExportPlan:
        """Files in `azureml/`, the build context in `container/`."""
        image = image_of(subject, options)
        count = options["replicas"] or subject.processes.least
        percent = subject.canary_percent
        endpoint = _endpoint(subject)
        files = {
            "azureml/endpoint.yml": yaml_file(endpoint),
            "azureml/deployment.yml": yaml_file(_deployment(subject, options, image, count)),
            "azureml/traffic.yml": yaml_file({**endpoint, "traffic": _traffic(subject)}),
        }
        canary = (f"Canary: its first step, {percent} % of the requests.",) * bool(percent)
        steps = (
            "The later steps of the canary, its comparison and callers that stay with their "
            "version: Azure splits by share alone.",
        ) * bool(percent)
        image_note = ("Azure takes images of its registries: set the option `image`.",)
        return ExportPlan(
            files={**container_files(subject, "container/"), **files},
            carried=(
                *own_server_carried(subject),
                f"Instances: {count} of {options['instance']}, with probes of readiness and life.",
                "Callers need a key, which Azure makes.",
                *canary,
            ),
            left_out=(
                *left_out(subject, limits=True, canary=True),
                *steps,
                *scaling_left_out(subject, "a deployment's file"),
                "Memory of a process: an instance type has its own.",
            ),
            notes=() if options["image"] else image_note,
            steps=STEPS.format(image=image),
        )


def _endpoint(subject: ExportSubject) -> dict[str, Any]:
    return {
        "$schema": f"{SCHEMAS}/managedOnlineEndpoint.schema.json",
        "name": _name(subject),
        "auth_mode": "key",
        "tags": {"pilothouse-version": f"{subject.label}-{subject.version}"},
    }


def _deployment(subject: ExportSubject, options: Params, image: str, count: int) -> dict[str, Any]:
    route = {"port": PORT}
    probe = {
        "initial_delay": round(subject.start_seconds),
        "period": PROBE_SECONDS,
        "timeout": 2,
        "success_threshold": 1,
        "failure_threshold": 30,
    }
    limits = subject.settings.max_concurrent
    at_once = {} if limits is None else {"max_concurrent_requests_per_instance": limits}
    return {
        "$schema": f"{SCHEMAS}/managedOnlineDeployment.schema.json",
        "name": f"version-{subject.version}",
        "endpoint_name": _name(subject),
        "environment": {
            "name": subject.label,
            "version": str(subject.version),
            "image": image,
            "inference_config": {
                "liveness_route": {**route, "path": "/v2/health/live"},
                "readiness_route": {**route, "path": "/v2/health/ready"},
                "scoring_route": {**route, "path": "/invocations"},
            },
        },
        "instance_type": options["instance"],
        "instance_count": count,
        "request_settings": {"request_timeout_ms": TIMEOUT_MS, **at_once},
        "liveness_probe": dict(probe),
        "readiness_probe": dict(probe),
    }


def _traffic(subject: ExportSubject) -> dict[str, int]:
    own, percent = f"version-{subject.version}", subject.canary_percent
    if subject.deployment is None or not percent:
        return {own: 100}
    return {f"version-{subject.deployment.stable_version}": 100 - percent, own: percent}


def _name(subject: ExportSubject) -> str:
    """Names of endpoints are those of a whole region, of 3 to 32 characters."""
    return f"{subject.label[: MAX_NAME - 9].rstrip('-')}-endpoint"
