"""Manifests for a Kubernetes cluster: Deployment, Service and autoscaler."""

from __future__ import annotations

from pilothouse.interop.exporting.container_files import (
    CPU,
    IMAGE,
    MAX_REPLICAS,
    MEMORY,
    REPLICAS,
    container_files,
    image_of,
    memory_of,
    python_refusal,
    replicas_of,
)
from pilothouse.interop.exporting.export_notes import left_out, own_server_carried
from pilothouse.interop.exporting.kubernetes_objects import (
    Resources,
    autoscaler,
    deployment,
    service,
)
from pilothouse.interop.exporting.plan import Content, ExportPlan, yaml_file
from pilothouse.interop.exporting.subject import ExportSubject
from pilothouse.interop.exporting.targets import export_targets
from pilothouse.kit.parameters import Parameter, Params

AUTOSCALE = Parameter(
    "autoscale", "boolean", True, title="Autoscaling",
    help="More replicas while the CPU is busy; the cluster needs its metrics server.",
)  # fmt: skip
STEPS = """\
    docker build --tag {image} container
    docker push {image}
    kubectl apply --kustomize kubernetes

It answers at `http://{name}` within the cluster."""


def resources_of(subject: ExportSubject, options: Params) -> Resources:
    """What a replica gets, by the options and the deployment."""
    least, most = replicas_of(subject, options)
    memory = memory_of(subject, options)
    return Resources(image_of(subject, options), options.number("cpu"), memory, least, most)


@export_targets.register("kubernetes")
class KubernetesTarget:
    """Plain manifests, with a kustomization that lists them."""

    title = "Kubernetes"
    description = "The container, and a Deployment, a Service and an autoscaler for a cluster."
    parameters = (IMAGE, CPU, MEMORY, REPLICAS, MAX_REPLICAS, AUTOSCALE)

    @staticmethod
    def refusal(subject: ExportSubject) -> str:
        """As the container."""
        return python_refusal(subject)

    @staticmethod
    def plan(subject: ExportSubject, options: Params) -> ExportPlan:
        """Manifests in `kubernetes/`, the build context in `container/`."""
        resources, scales = resources_of(subject, options), bool(options["autoscale"])
        manifests: dict[str, Content] = {
            "deployment.yaml": yaml_file(deployment(subject, resources, scales=scales)),
            "service.yaml": yaml_file(service(subject)),
        }
        if scales:
            manifests["autoscaler.yaml"] = yaml_file(autoscaler(subject, resources))
        kustomization = {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": sorted(manifests),
        }
        manifests["kustomization.yaml"] = yaml_file(kustomization)
        files = {f"kubernetes/{name}": content for name, content in manifests.items()}
        return ExportPlan(
            files={**container_files(subject, "container/"), **files},
            carried=(*own_server_carried(subject), *scaling_carried(resources, scales=scales)),
            left_out=left_out(subject, limits=True),
            steps=STEPS.format(image=resources.image, name=subject.label),
        )


def scaling_carried(resources: Resources, *, scales: bool) -> tuple[str, ...]:
    """The lines on replicas, resources and probes."""
    many = f"{resources.least} to {resources.most}" if scales else str(resources.least)
    return (
        f"Replicas: {many}, each with a CPU limit of {resources.cpu:g} and "
        f"{resources.memory_mb:,} MB.",
        "Probes of start, readiness and life; a new version takes over without a failed request.",
        "Annotations by which Prometheus finds `/metrics`.",
    )
