"""Objects of Kubernetes around the container, as plain values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from pilothouse.interop.exporting.container_files import PORT, USER
from pilothouse.interop.exporting.subject import ExportSubject

PROBE_SECONDS = 5
CPU_PERCENT = 70  # of the requested CPU, at which another replica is added
HTTP = "http"


@dataclass(frozen=True)
class Resources:
    """What a replica gets, and how many there are."""

    image: str
    cpu: float
    memory_mb: int
    least: int
    most: int


def labels(subject: ExportSubject) -> dict[str, str]:
    """The labels of every object."""
    return {
        "app.kubernetes.io/name": subject.label,
        "app.kubernetes.io/version": str(subject.version),
        "app.kubernetes.io/managed-by": "pilothouse",
    }


def selector(subject: ExportSubject) -> dict[str, str]:
    """The labels by which pods are found: without the version, which changes."""
    return {"app.kubernetes.io/name": subject.label}


def origin(subject: ExportSubject) -> dict[str, str]:
    """Where the model is from."""
    return {"pilothouse/version": subject.ref, "pilothouse/digest": subject.launch.digest}


def scrape() -> dict[str, str]:
    """By these annotations Prometheus is usually set up to find what to scrape."""
    return {
        "prometheus.io/scrape": "true",
        "prometheus.io/path": "/metrics",
        "prometheus.io/port": str(PORT),
    }


def cpu_quantity(cores: float) -> str:
    """Cores as Kubernetes writes them: 1, or 250m."""
    return f"{cores:g}" if float(cores).is_integer() else f"{round(cores * 1000)}m"


def container(subject: ExportSubject, resources: Resources, name: str = "server") -> dict[str, Any]:
    """The container with its probes and limits."""
    memory = f"{resources.memory_mb}Mi"
    cpu = cpu_quantity(resources.cpu)
    return {
        "name": name,
        "image": resources.image,
        "ports": [{"name": HTTP, "containerPort": PORT}],
        "resources": {
            "requests": {"cpu": cpu, "memory": memory},
            "limits": {"cpu": cpu, "memory": memory},
        },
        **probes(subject),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
    }


def probes(subject: ExportSubject) -> dict[str, Any]:
    """As long to start as the model has here; then health every few seconds."""
    attempts = math.ceil(subject.start_seconds / PROBE_SECONDS)
    ready = {"httpGet": {"path": "/v2/health/ready", "port": HTTP}}
    live = {"httpGet": {"path": "/v2/health/live", "port": HTTP}}
    return {
        "startupProbe": {**ready, "periodSeconds": PROBE_SECONDS, "failureThreshold": attempts},
        "readinessProbe": {**ready, "periodSeconds": PROBE_SECONDS},
        "livenessProbe": {**live, "periodSeconds": 10, "failureThreshold": 3},
    }


def pod(subject: ExportSubject, resources: Resources) -> dict[str, Any]:
    """The pod of a replica, without rights of any kind."""
    return {
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 30,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container(subject, resources)],
        "volumes": [{"name": "tmp", "emptyDir": {}}],
    }


def deployment(subject: ExportSubject, resources: Resources, *, scales: bool) -> dict[str, Any]:
    """The deployment; one that is scaled by load names no number, which would be set back."""
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(subject) | {"annotations": origin(subject)},
        "spec": {
            **({} if scales else {"replicas": resources.least}),
            "selector": {"matchLabels": selector(subject)},
            "strategy": strategy,
            "template": {
                "metadata": {
                    "labels": labels(subject),
                    "annotations": origin(subject) | scrape(),
                },
                "spec": pod(subject, resources),
            },
        },
    }


def service(subject: ExportSubject) -> dict[str, Any]:
    """One address for all replicas, within the cluster."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(subject),
        "spec": {
            "type": "ClusterIP",
            "selector": selector(subject),
            "ports": [{"name": HTTP, "port": 80, "targetPort": HTTP}],
        },
    }


def autoscaler(subject: ExportSubject, resources: Resources) -> dict[str, Any]:
    """More replicas as the CPU is busy."""
    cpu = {"type": "Utilization", "averageUtilization": CPU_PERCENT}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": _metadata(subject),
        "spec": {
            "scaleTargetRef": {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "name": subject.label,
            },
            "minReplicas": resources.least,
            "maxReplicas": resources.most,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": cpu}}],
        },
    }


def _metadata(subject: ExportSubject) -> dict[str, Any]:
    return {"name": subject.label, "labels": labels(subject)}
