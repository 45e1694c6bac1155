"""A Helm chart around the container, with a schema of its values."""

from __future__ import annotations

from typing import Any

from pilothouse.interop.exporting.container_files import (
    CPU,
    IMAGE,
    MAX_REPLICAS,
    MEMORY,
    REPLICAS,
    container_files,
    python_refusal,
)
from pilothouse.interop.exporting.export_notes import left_out, own_server_carried
from pilothouse.interop.exporting.kubernetes_objects import (
    CPU_PERCENT,
    Resources,
    autoscaler,
    cpu_quantity,
    deployment,
    service,
)
from pilothouse.interop.exporting.plan import ExportPlan, json_file, text, yaml_file, yaml_text
from pilothouse.interop.exporting.subject import ExportSubject
from pilothouse.interop.exporting.targets import export_targets
from pilothouse.interop.exporting.targets.kubernetes import (
    AUTOSCALE,
    resources_of,
    scaling_carried,
)
from pilothouse.kit.parameters import Params

CHART = "chart"
NAME = '{{ .Release.Name | trunc 50 | trimSuffix "-" }}'
# What the manifests of Kubernetes have in the place of a value of the chart.
VALUES = {
    "@name@": NAME.replace(" }}", " | quote }}"),
    "@instance@": "{{ .Release.Name | quote }}",
    "@image@": "{{ .Values.image | quote }}",
    "@replicas@": "{{ .Values.replicas }}",
    "@cpu@": "{{ .Values.resources.cpu | quote }}",
    "@memory@": "{{ .Values.resources.memory | quote }}",
    "@type@": "{{ .Values.service.type }}",
    "@port@": "{{ .Values.service.port }}",
    "@least@": "{{ .Values.autoscaling.minReplicas }}",
    "@most@": "{{ .Values.autoscaling.maxReplicas }}",
    "@percent@": "{{ .Values.autoscaling.targetCPUPercent }}",
}
SCALED = "{{- if .Values.autoscaling.enabled }}\n%s{{- end }}\n"
NOT_SCALED = """\
  {{- if not .Values.autoscaling.enabled }}
  replicas: {{ .Values.replicas }}
  {{- end }}
"""
HELP = """\
It answers at http://{name}:{{{{ .Values.service.port }}}} within the cluster.
"""
STEPS = """\
    docker build --tag {image} container
    docker push {image}
    helm install {name} chart --set image={image}

`values.schema.json` refuses values that the templates cannot use."""


@export_targets.register("helm")
class HelmTarget:
    """A chart in `chart/`; the release's name is that of its objects."""

    title = "Helm"
    description = "The container and a chart for a cluster, whose values have a schema."
    parameters = (IMAGE, CPU, MEMORY, REPLICAS, MAX_REPLICAS, AUTOSCALE)

    @staticmethod
    def refusal(subject: ExportSubject) -> str:
        """As the container."""
        return python_refusal(subject)

    @staticmethod
    def plan(subject: ExportSubject, options: Params) -> ExportPlan:
        """The chart in `chart/`, the build context in `container/`."""
        resources, scales = resources_of(subject, options), bool(options["autoscale"])
        files = {
            "Chart.yaml": yaml_file(_chart(subject)),
            "values.yaml": yaml_file(_values(resources, scales=scales)),
            "values.schema.json": json_file(SCHEMA),
            "templates/deployment.yaml": _template(_deployment(subject)),
            "templates/service.yaml": _template(_service(subject)),
            "templates/autoscaler.yaml": text(SCALED % _template(_autoscaler(subject)).decode()),
            "templates/NOTES.txt": text(HELP.format(name=NAME)),
        }
        chart = {f"{CHART}/{path}": content for path, content in files.items()}
        return ExportPlan(
            files={**container_files(subject, "container/"), **chart},
            carried=(*own_server_carried(subject), *scaling_carried(resources, scales=scales)),
            left_out=left_out(subject, limits=True),
            steps=STEPS.format(image=resources.image, name=subject.label),
        )


def _chart(subject: ExportSubject) -> dict[str, Any]:
    return {
        "apiVersion": "v2",
        "name": subject.label,
        "description": f"Version {subject.version} of the model {subject.label}.",
        "type": "application",
        "version": f"{subject.version}.0.0",
        "appVersion": str(subject.version),
    }


def _values(resources: Resources, *, scales: bool) -> dict[str, Any]:
    return {
        "image": resources.image,
        "replicas": resources.least,
        "resources": {
            "cpu": cpu_quantity(resources.cpu),
            "memory": f"{resources.memory_mb}Mi",
        },
        "autoscaling": {
            "enabled": scales,
            "minReplicas": resources.least,
            "maxReplicas": resources.most,
            "targetCPUPercent": CPU_PERCENT,
        },
        "service": {"type": "ClusterIP", "port": 80},
    }


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    """Every property is needed and no other is known: what is misspelt is refused."""
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(properties),
        "properties": properties,
    }


WHOLE = {"type": "integer", "minimum": 1}
SCHEMA: dict[str, Any] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "required": ["image", "replicas", "resources", "autoscaling", "service"],
    "properties": {
        "image": {"type": "string", "minLength": 1},
        "replicas": WHOLE,
        "resources": _object(
            {
                "cpu": {"type": "string", "pattern": r"^[0-9.]+m?$"},
                "memory": {"type": "string", "pattern": "^[0-9]+(Ki|Mi|Gi|k|M|G)?$"},
            }
        ),
        "autoscaling": _object(
            {
                "enabled": {"type": "boolean"},
                "minReplicas": WHOLE,
                "maxReplicas": WHOLE,
                "targetCPUPercent": {"type": "integer", "minimum": 1, "maximum": 100},
            }
        ),
        "service": _object(
            {
                "type": {"enum": ["ClusterIP", "NodePort", "LoadBalancer"]},
                "port": {"type": "integer", "minimum": 1, "maximum": 65_535},
            }
        ),
    },
}


def _template(value: dict[str, Any]) -> bytes:
    """A manifest as a template: its own braces mean nothing, its marks are values."""
    written = yaml_text(value).replace("{{", '{{ "{{" }}')
    for mark, expression in VALUES.items():
        written = written.replace(f"'{mark}'", expression)
    always = f"  replicas: {VALUES['@replicas@']}\n"
    return text(written.replace(always, NOT_SCALED))


def _named(value: dict[str, Any]) -> dict[str, Any]:
    value["metadata"]["name"] = "@name@"
    return value


def _deployment(subject: ExportSubject) -> dict[str, Any]:
    value = _named(deployment(subject, Resources("@image@", 1, 1, 1, 1), scales=True))
    spec = value["spec"]
    value["spec"] = {"replicas": "@replicas@", **spec}
    by_release = {"app.kubernetes.io/instance": "@instance@"}
    spec["selector"]["matchLabels"] = spec["selector"]["matchLabels"] | by_release
    pods = spec["template"]
    pods["metadata"]["labels"] = pods["metadata"]["labels"] | by_release
    amounts = {"cpu": "@cpu@", "memory": "@memory@"}
    pods["spec"]["containers"][0]["resources"] = {"requests": amounts, "limits": amounts}
    return value


def _service(subject: ExportSubject) -> dict[str, Any]:
    value = _named(service(subject))
    value["spec"] |= {"type": "@type@"}
    value["spec"]["selector"] |= {"app.kubernetes.io/instance": "@instance@"}
    value["spec"]["ports"][0]["port"] = "@port@"
    return value


def _autoscaler(subject: ExportSubject) -> dict[str, Any]:
    value = _named(autoscaler(subject, Resources("", 1, 1, 1, 1)))
    spec = value["spec"]
    spec["scaleTargetRef"]["name"] = "@name@"
    spec |= {"minReplicas": "@least@", "maxReplicas": "@most@"}
    spec["metrics"][0]["resource"]["target"]["averageUtilization"] = "@percent@"
    return value
