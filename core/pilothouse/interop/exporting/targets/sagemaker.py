"""A model archive of SageMaker with its code, and the calls that make an endpoint of it."""

from __future__ import annotations

from typing import Any

from pilothouse.deployments.standalone.exported_model import LAUNCH, SETTINGS
from pilothouse.interop.exporting.container_files import (
    MAX_REPLICAS,
    REPLICAS,
    model_folder,
    python_refusal,
    replicas_of,
    scorer_requirements,
    server_folder,
)
from pilothouse.interop.exporting.export_notes import decisions, left_out
from pilothouse.interop.exporting.kubernetes_objects import CPU_PERCENT
from pilothouse.interop.exporting.plan import Content, ExportPlan, TarGz, json_file, text
from pilothouse.interop.exporting.subject import ExportSubject
from pilothouse.interop.exporting.targets import export_targets
from pilothouse.kit.parameters import Parameter, Params

BUCKET = "s3://YOUR-BUCKET"
ACCOUNT = "123456789012"  # as in the documentation of AWS
MAX_CANARY_PERCENT = 50
MAX_WAIT_SECONDS = 3_600
START_LIMITS = (60, 3_600)
ROLE = Parameter(
    "role", "text", f"arn:aws:iam::{ACCOUNT}:role/YOUR-ROLE", title="Role",
    help="The role that SageMaker takes: its ARN.",
)  # fmt: skip
IMAGE_URI = Parameter(
    "image", "text", f"{ACCOUNT}.dkr.ecr.YOUR-REGION.amazonaws.com/sagemaker-scikit-learn:YOURS",
    title="Image", help="A scikit-learn image of SageMaker, with a Python that fits the lock.",
)  # fmt: skip
DATA = Parameter(
    "model_url", "text", "", title="Place of the archive",
    help="Where model.tar.gz is uploaded: s3://...; empty for a place to fill in.",
)  # fmt: skip
INSTANCE = Parameter(
    "instance", "text", "ml.m5.large", title="Instance", help="The type of an endpoint's machine."
)
CAPTURE = Parameter(
    "capture_url", "text", "", title="Place of captured requests",
    help="s3://... where SageMaker writes requests and answers; empty for none.",
)  # fmt: skip
INFERENCE = '''\
"""Answers the requests of a SageMaker endpoint with the model of this archive."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from pilothouse.deployments.standalone.scorer import Scorer

try:
    from sagemaker_inference.errors import BaseInferenceToolkitError
except ImportError:
    BaseInferenceToolkitError = None


def model_fn(model_dir, context=None):
    return Scorer.load(Path(model_dir))


def input_fn(body, content_type, context=None):
    return body.encode() if isinstance(body, str) else bytes(body), content_type


def predict_fn(data, model, context=None):
    body, content_type = data
    answer = model.answer(body, "invocations", content_type)
    if answer.status == 200:
        return answer.body
    message = json.loads(answer.body)["error"]
    if BaseInferenceToolkitError is None:
        raise ValueError(message)
    raise BaseInferenceToolkitError(answer.status, message, message)


def output_fn(answer, accept, context=None):
    return answer.decode(), "application/json"
'''
STEPS = """\
    aws s3 cp model.tar.gz {url}
    aws sagemaker create-model --cli-input-json file://calls/create-model.json
    aws sagemaker create-endpoint-config --cli-input-json file://calls/create-endpoint-config.json
    aws sagemaker create-endpoint --cli-input-json file://calls/create-endpoint.json
    aws application-autoscaling register-scalable-target \\
        --cli-input-json file://calls/register-scalable-target.json
    aws application-autoscaling put-scaling-policy \\
        --cli-input-json file://calls/put-scaling-policy.json

`calls/update-endpoint.json` brings a later version to the same endpoint. Records are sent in the
form of MLflow: `dataframe_records`, `dataframe_split` or CSV."""


@export_targets.register("sagemaker")
class SagemakerTarget:
    """`model.tar.gz` for an image of SageMaker, and its calls as JSON of the AWS command line."""

    title = "Amazon SageMaker"
    description = (
        "model.tar.gz with code/inference.py, and the calls for a model, an endpoint and its "
        "autoscaling."
    )
    parameters = (ROLE, IMAGE_URI, DATA, INSTANCE, REPLICAS, MAX_REPLICAS, CAPTURE)

    @staticmethod
    def refusal(subject: ExportSubject) -> str:
        """It takes every version whose Python the modules can run on."""
        return python_refusal(subject)

    @staticmethod
    def plan(subject: ExportSubject, options: Params) -> ExportPlan:
        """The archive, and calls in `calls/`."""
        least, most = replicas_of(subject, options)
        url = options["model_url"] or f"{BUCKET}/{_name(subject)}/model.tar.gz"
        calls = _calls(subject, options, url)
        files: dict[str, Content] = {f"calls/{n}.json": json_file(v) for n, v in calls.items()}
        return ExportPlan(
            files={"model.tar.gz": TarGz(_archive(subject)), **files},
            carried=(
                "MLflow's form of requests and answers, at SageMaker's `/invocations`.",
                *decisions(subject),
                f"Instances: {least} to {most} of {options['instance']}, more while their CPU is "
                "busy; a time to start.",
                *_canary_carried(subject),
                *(("Captured requests, as SageMaker writes them.",) * bool(options["capture_url"])),
            ),
            left_out=(
                *left_out(subject, canary=True),
                *_canary_left_out(subject),
                "Other protocols than MLflow's; the metadata pages.",
                "Memory of a process: an instance type has its own.",
            ),
            notes=_notes(subject, options),
            steps=STEPS.format(url=url),
        )


def _name(subject: ExportSubject) -> str:
    return f"{subject.label}-{subject.version}"


def _archive(subject: ExportSubject) -> dict[str, Any]:
    """The model at the root, as SageMaker unpacks it, and its code."""
    model = {path.removeprefix("model/"): file for path, file in model_folder(subject).items()}
    assert {LAUNCH, SETTINGS} <= set(model)
    return {
        **model,
        **server_folder(subject, "code"),
        "code/inference.py": text(INFERENCE),
        "code/requirements.txt": scorer_requirements(subject),
    }


def _calls(subject: ExportSubject, options: Params, url: str) -> dict[str, Any]:
    """The parameters of each call, by its name on the command line."""
    name = _name(subject)
    least, most = replicas_of(subject, options)
    container = {
        "Image": options["image"],
        "ModelDataUrl": url,
        "Environment": {
            "SAGEMAKER_PROGRAM": "inference.py",
            "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
            "OMP_NUM_THREADS": "1",
        },
    }
    target = {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{subject.label}/variant/{VARIANT}",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }
    endpoint = {"EndpointName": subject.label, "EndpointConfigName": name}
    return {
        "create-model": {
            "ModelName": name,
            "ExecutionRoleArn": options["role"],
            "PrimaryContainer": container,
            "Tags": [{"Key": "pilothouse-version", "Value": _tag(subject.ref)}],
        },
        "create-endpoint-config": _endpoint_config(subject, options, least),
        "create-endpoint": endpoint,
        "update-endpoint": {**endpoint, "DeploymentConfig": _deployment_config(subject)},
        "register-scalable-target": {**target, "MinCapacity": least, "MaxCapacity": most},
        "put-scaling-policy": {
            "PolicyName": f"{subject.label}-cpu",
            **target,
            "PolicyType": "TargetTrackingScaling",
            "TargetTrackingScalingPolicyConfiguration": _scaling(subject),
        },
    }


VARIANT = "stable"


def _tag(value: str) -> str:
    """A text with the characters that a tag may have."""
    return "".join(c if c.isalnum() or c in " _.:/=+-@" else "_" for c in value)[:256]


def _endpoint_config(subject: ExportSubject, options: Params, count: int) -> dict[str, Any]:
    low, high = START_LIMITS
    config: dict[str, Any] = {
        "EndpointConfigName": _name(subject),
        "ProductionVariants": [
            {
                "VariantName": VARIANT,
                "ModelName": _name(subject),
                "InitialInstanceCount": count,
                "InstanceType": options["instance"],
                "InitialVariantWeight": 1.0,
                "ContainerStartupHealthCheckTimeoutInSeconds": int(
                    min(max(subject.start_seconds, low), high)
                ),
            }
        ],
    }
    if options["capture_url"]:
        config["DataCaptureConfig"] = {
            "EnableCapture": True,
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": options["capture_url"],
            "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        }
    return config


def _deployment_config(subject: ExportSubject) -> dict[str, Any]:
    """A canary of one step where the deployment is in one, else all at once."""
    routing: dict[str, Any] = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}
    canary = subject.deployment.canary if subject.deployment else ()
    if canary:
        first = canary[0]
        percent = min(max(round(first.percent), 1), MAX_CANARY_PERCENT)
        routing = {
            "Type": "CANARY",
            "WaitIntervalInSeconds": min(first.seconds, MAX_WAIT_SECONDS),
            "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": percent},
        }
    return {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": routing,
            "TerminationWaitInSeconds": 300,
        }
    }


def _scaling(subject: ExportSubject) -> dict[str, Any]:
    return {
        "TargetValue": float(CPU_PERCENT),
        "CustomizedMetricSpecification": {
            "MetricName": "CPUUtilization",
            "Namespace": "/aws/sagemaker/Endpoints",
            "Dimensions": [
                {"Name": "EndpointName", "Value": subject.label},
                {"Name": "VariantName", "Value": VARIANT},
            ],
            "Statistic": "Average",
            "Unit": "Percent",
        },
    }


def _canary_carried(subject: ExportSubject) -> tuple[str, ...]:
    canary = subject.deployment.canary if subject.deployment else ()
    if not canary:
        return ()
    return (f"Canary: its first step, {canary[0].percent:g} %, in `update-endpoint.json`.",)


def _canary_left_out(subject: ExportSubject) -> tuple[str, ...]:
    canary = subject.deployment.canary if subject.deployment else ()
    if not canary:
        return ()
    return (
        "The later steps of the canary, its comparison and callers that stay with their version: "
        "SageMaker's canary has one step and draws by capacity.",
    )


def _notes(subject: ExportSubject, options: Params) -> tuple[str, ...]:
    lines = [
        f"The image needs Python {subject.python} and the packages of code/requirements.txt, which "
        "it installs as it starts. The container of the target `container` answers SageMaker's "
        "requests too, with nothing to install."
    ]
    unset = [p for p in (ROLE, IMAGE_URI) if options[p.name] == p.default]
    unset += [DATA] * (not options["model_url"])
    if unset:
        names = ", ".join(p.label.lower() for p in unset)
        lines.append(f"To fill in before the calls: {names}.")
    return tuple(lines)
