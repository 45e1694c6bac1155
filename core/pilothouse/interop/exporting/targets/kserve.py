"""An InferenceService of KServe that runs the container, with the steps of a canary."""

from __future__ import annotations

import math
from typing import Any

from pilothouse.deployments.access.key_ring import CallLimits
from pilothouse.interop.exporting.container_files import (
    CPU,
    IMAGE,
    MAX_REPLICAS,
    MEMORY,
    PORT,
    REPLICAS,
    USER,
    container_files,
    python_refusal,
)
from pilothouse.interop.exporting.export_notes import left_out, own_server_carried
from pilothouse.interop.exporting.kubernetes_objects import (
    CPU_PERCENT,
    Resources,
    cpu_quantity,
    labels,
    origin,
    probes,
    scrape,
)
from pilothouse.interop.exporting.plan import ExportPlan, yaml_file
from pilothouse.interop.exporting.subject import CanaryStep, ExportSubject
from pilothouse.interop.exporting.targets import export_targets
from pilothouse.interop.exporting.targets.kubernetes import resources_of, scaling_carried
from pilothouse.kit.parameters import Parameter, Params

STANDARD, KNATIVE = "Standard", "Knative"
TIMEOUT_SECONDS = 30
CONTAINER = "kserve-container"  # by this name KServe knows the one that answers
MODE = Parameter(
    "mode", "choice", STANDARD, choices=(STANDARD, KNATIVE), title="Mode of KServe",
    help="Standard needs Kubernetes alone. Knative can scale to no replica at all.",
)  # fmt: skip
STABLE_IMAGE = Parameter(
    "stable_image", "text", "", title="Image of the stable version",
    help="For a running canary; empty for the name that its own export gives it.",
)  # fmt: skip
STEPS = """\
    docker build --tag {image} container
    docker push {image}
    kubectl apply --filename kserve/{file}
{canary}
It answers in the Open Inference Protocol at `/v2/models/{name}/infer`."""
CANARY = """
The files `kserve/canary-*.yaml` are the steps of the canary: apply them in their order, each for as
long as NOTES.md says, and then `kserve/inferenceservice.yaml`, which has this version alone.
"""


@export_targets.register("kserve")
class KserveTarget:
    """`serving.kserve.io/v1beta1`, from KServe 0.15 on; canaries in Standard mode from 0.20 on."""

    title = "KServe"
    description = (
        "The container and an InferenceService with probes, scaling and the steps of a running "
        "canary."
    )
    parameters = (IMAGE, CPU, MEMORY, REPLICAS, MAX_REPLICAS, MODE, STABLE_IMAGE)

    @staticmethod
    def refusal(subject: ExportSubject) -> str:
        """As the container."""
        return python_refusal(subject)

    @staticmethod
    def plan(subject: ExportSubject, options: Params) -> ExportPlan:
        """Files in `kserve/`, the build context in `container/`."""
        resources, mode = resources_of(subject, options), options.text("mode")
        served = subject.deployment
        canary = served.canary if served else ()
        service = _service(subject, resources, mode)
        files = {"kserve/inferenceservice.yaml": yaml_file(service)}
        for number, step in enumerate(canary, 1):
            path = f"kserve/canary-{number}-{_percent(step)}-percent.yaml"
            stable = options["stable_image"] or _stable_image(subject)
            files[path] = yaml_file(_canary(subject, resources, mode, step, stable))
        first = min(path for path in files)
        return ExportPlan(
            files={**container_files(subject, "container/"), **files},
            carried=(
                *own_server_carried(subject),
                *scaling_carried(resources, scales=True),
                *_carried(subject, canary, mode),
            ),
            left_out=(
                *left_out(subject, limits=True, canary=True, sleep=mode == KNATIVE),
                *_left_out(subject, canary),
            ),
            notes=_notes(canary, mode),
            steps=STEPS.format(
                image=resources.image,
                name=subject.name,
                file=first.removeprefix("kserve/"),
                canary=CANARY if canary else "",
            ),
        )


def _service(subject: ExportSubject, resources: Resources, mode: str) -> dict[str, Any]:
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {
            "name": subject.label,
            "labels": labels(subject),
            "annotations": {
                "serving.kserve.io/deploymentMode": mode,
                **origin(subject),
                **scrape(),
            },
        },
        "spec": {"predictor": _predictor(subject, resources, mode)},
    }


def _predictor(subject: ExportSubject, resources: Resources, mode: str) -> dict[str, Any]:
    sleeps = subject.deployment is not None and subject.deployment.sleep_after_minutes is not None
    least = 0 if sleeps and mode == KNATIVE else resources.least
    predictor: dict[str, Any] = {
        "minReplicas": least,
        "maxReplicas": resources.most,
        "scaleMetric": "cpu",
        "scaleTarget": CPU_PERCENT,
        "timeout": TIMEOUT_SECONDS,
    }
    if mode == KNATIVE:
        predictor |= _scaling_by_requests(subject.deployment.limits if subject.deployment else None)
    amounts = {"cpu": cpu_quantity(resources.cpu), "memory": f"{resources.memory_mb}Mi"}
    container = {
        "name": CONTAINER,
        "image": resources.image,
        "ports": [{"containerPort": PORT, "name": "http1", "protocol": "TCP"}],
        "resources": {"requests": amounts, "limits": amounts},
        **_probes(subject),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "runAsNonRoot": True,
            "runAsUser": USER,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    return {**predictor, "containers": [container]}


def _scaling_by_requests(limits: CallLimits | None) -> dict[str, Any]:
    """Knative scales to none by requests only; no more reach a replica than it may work on."""
    at_once = limits.max_concurrent if limits else None
    scaling: dict[str, Any] = {"scaleMetric": "concurrency"}
    if at_once is None:
        return scaling | {"scaleTarget": 4}
    return scaling | {"scaleTarget": max(at_once // 2, 1), "containerConcurrency": at_once}


def _probes(subject: ExportSubject) -> dict[str, Any]:
    """The probes with the number of the port: its name is Knative's."""
    result = probes(subject)
    for probe in result.values():
        probe["httpGet"] = {**probe["httpGet"], "port": PORT}
    return result


def _canary(
    subject: ExportSubject, resources: Resources, mode: str, step: CanaryStep, stable: str
) -> dict[str, Any]:
    """A step: Knative keeps the version before by itself, Standard is told both."""
    service = _service(subject, resources, mode)
    candidate = service["spec"]["predictor"]
    if mode == KNATIVE:
        candidate["canaryTrafficPercent"] = _percent(step)
        return service
    before = _service(subject, resources, mode)["spec"]["predictor"]
    before["containers"][0]["image"] = stable
    canary = {"predictor": candidate, "trafficPercent": _percent(step)}
    service["spec"] = {"predictor": before, "canary": [canary]}
    return service


def _percent(step: CanaryStep) -> int:
    return min(max(math.ceil(step.percent), 1), 99)


def _stable_image(subject: ExportSubject) -> str:
    stable = subject.deployment.stable_version if subject.deployment else None
    return f"{subject.label}:{stable}"


def _carried(subject: ExportSubject, canary: tuple[CanaryStep, ...], mode: str) -> tuple[str, ...]:
    lines = []
    served = subject.deployment
    if canary and served is not None:
        steps = ", ".join(f"{_percent(s)} % for {s.seconds:,} s" for s in canary)
        lines.append(f"Canary beside version {served.stable_version}: {steps}.")
    if served is not None and served.sleep_after_minutes is not None and mode == KNATIVE:
        lines.append(
            "Sleep: no replica while nobody asks. When is Knative's setting "
            f"`scale-to-zero-pod-retention-period`, not {served.sleep_after_minutes:g} minutes."
        )
    return tuple(lines)


def _left_out(subject: ExportSubject, canary: tuple[CanaryStep, ...]) -> tuple[str, ...]:
    if not canary:
        return ()
    fractions = any(step.percent != _percent(step) for step in canary)
    rounded = ("Shares of less than a percent: KServe has whole ones.",) if fractions else ()
    return (
        "The comparison of the versions in each step and the rollback by it: a person compares, "
        "and applies the next step or the one before.",
        "Callers that stay with their version: KServe draws each request by itself.",
        *rounded,
    )


def _notes(canary: tuple[CanaryStep, ...], mode: str) -> tuple[str, ...]:
    if not canary:
        return ()
    if mode == KNATIVE:
        return ("The stable version must run under the same name before the first step.",)
    return (
        "Steps in Standard mode need KServe 0.20 or newer, and the image of the stable version: "
        "write an export of it too.",
    )
