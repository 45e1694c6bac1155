"""A Terraform module that applies the manifests of Kubernetes."""

from __future__ import annotations

from dataclasses import replace

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
from pilothouse.interop.exporting.kubernetes_objects import autoscaler, deployment, service
from pilothouse.interop.exporting.plan import Content, ExportPlan, text, yaml_text
from pilothouse.interop.exporting.subject import ExportSubject
from pilothouse.interop.exporting.targets import export_targets
from pilothouse.interop.exporting.targets.kubernetes import (
    AUTOSCALE,
    resources_of,
    scaling_carried,
)
from pilothouse.kit.parameters import Params

MARKED_IMAGE, MARKED_NAMESPACE = "@image@", "@namespace@"
MAIN = """\
terraform {
  required_version = ">= 1.3"
  required_providers {
    kubernetes = {
      source  = "hashicorp/kubernetes"
      version = ">= 2.20"
    }
  }
}

variable "image" {
  description = "The image that was built from the folder container."
  type        = string
  default     = "%(image)s"
}

variable "namespace" {
  description = "The namespace that the objects are put into."
  type        = string
  default     = "default"
}

locals {
  values    = { image = var.image, namespace = var.namespace }
  manifests = fileset("${path.module}/manifests", "*.yaml")
}

resource "kubernetes_manifest" "model" {
  for_each = local.manifests
  manifest = yamldecode(templatefile("${path.module}/manifests/${each.value}", local.values))
%(ignored)s}

output "address" {
  description = "Where it answers within the cluster."
  value       = "http://%(name)s.${var.namespace}"
}
"""
# The server sets them; without this each plan would set them back.
SCALED = """\

  computed_fields = ["spec.replicas", "metadata.labels", "metadata.annotations"]
"""
STEPS = """\
    docker build --tag {image} container
    docker push {image}
    cd terraform && terraform init && terraform apply -var image={image}

The provider reads the address of the cluster from its own settings, such as KUBE_CONFIG_PATH."""


@export_targets.register("terraform")
class TerraformTarget:
    """A module in `terraform/` over the same objects as the target `kubernetes`."""

    title = "Terraform"
    description = "The container, and a module that applies Deployment, Service and autoscaler."
    parameters = (IMAGE, CPU, MEMORY, REPLICAS, MAX_REPLICAS, AUTOSCALE)

    @staticmethod
    def refusal(subject: ExportSubject) -> str:
        """As the container."""
        return python_refusal(subject)

    @staticmethod
    def plan(subject: ExportSubject, options: Params) -> ExportPlan:
        """The module in `terraform/`, the build context in `container/`."""
        resources, scales = resources_of(subject, options), bool(options["autoscale"])
        marked = replace(resources, image=MARKED_IMAGE)
        objects = {
            "deployment": deployment(subject, marked, scales=scales),
            "service": service(subject),
            **({"autoscaler": autoscaler(subject, resources)} if scales else {}),
        }
        manifests: dict[str, Content] = {}
        for name, value in objects.items():
            value["metadata"]["namespace"] = MARKED_NAMESPACE
            manifests[f"terraform/manifests/{name}.yaml"] = _template(value)
        main = MAIN % {
            "image": _quoted(resources.image),
            "name": subject.label,
            "ignored": SCALED if scales else "",
        }
        return ExportPlan(
            files={
                **container_files(subject, "container/"),
                **manifests,
                "terraform/main.tf": text(main),
            },
            carried=(*own_server_carried(subject), *scaling_carried(resources, scales=scales)),
            left_out=left_out(subject, limits=True),
            notes=("Terraform could not be run for a proof: the files follow its language.",),
            steps=STEPS.format(image=resources.image),
        )


def _template(value: object) -> bytes:
    """A manifest as a template of Terraform, in which its own signs mean nothing."""
    written = yaml_text(value).replace("${", "$${").replace("%{", "%%{")
    written = written.replace(f"'{MARKED_IMAGE}'", "${jsonencode(image)}")
    return text(written.replace(f"'{MARKED_NAMESPACE}'", "${namespace}"))


def _quoted(value: str) -> str:
    """A text between the quotes of Terraform's language."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
    return escaped.replace("${", "$${").replace("%{", "%%{")
