"""What MLflow has and Pilothouse does not support, and the messages that say so."""

from __future__ import annotations

import re

ELSE = "Runs, logged models, files and the model registry are kept."
TRACES = (
    "Pilothouse keeps no traces: nothing of this trace was stored. "
    "Call mlflow.tracing.disable() to send none. "
) + ELSE
PROMPTS = "Pilothouse keeps no prompts: nothing of this prompt was stored. " + ELSE
DATASETS = (
    "Pilothouse keeps no evaluation datasets of MLflow: nothing of this one was stored. "
    "The datasets that a run logs with log_input are kept. "
) + ELSE
SCORERS = "Pilothouse keeps no scorers and no assessments: nothing was stored. " + ELSE
GATEWAY = "Pilothouse has no gateway to language models and no prompt lab. " + ELSE
JOBS = "Pilothouse runs no jobs of MLflow; its own are on the page Pipelines. " + ELSE
GRAPHQL = "Pilothouse answers no GraphQL; every fact is in the REST calls. " + ELSE
PARTS = (
    "Pilothouse takes a file in one piece, by PUT under /api/2.0/mlflow-artifacts/artifacts: "
    "there are no uploads in parts and no presigned addresses."
)
USERS = "Pilothouse has no users, roles, permissions or workspaces of MLflow."
_TEXTS: tuple[tuple[str, str], ...] = (
    (r"scorers|issues|label-schemas|review-queues", SCORERS),
    (r"traces|unified-traces|get-online-trace-details|.*-traces?-.*", TRACES),
    (r"prompts|prompt-.*", PROMPTS),
    (r"datasets|evaluation-datasets", DATASETS),
    (r"gateway.*|runs/create-promptlab-run", GATEWAY),
    (r"jobs", JOBS),
    (r"users|permissions|roles|workspaces", USERS),
    (r"artifacts/presigned-(?:upload|download)-url", PARTS),
    (r"-artifacts/(?:mpu|presigned)", PARTS),
)
_PATTERNS = tuple((re.compile(f"(?:{pattern})(?:/.*)?"), text) for pattern, text in _TEXTS)
_FAMILY = re.compile(r"/(?:ajax-)?api/\d\.\d/mlflow/?")


def reason(path: str) -> str:
    """The message for a path of an unsupported part of MLflow; empty for other paths."""
    if path.startswith("/v1/traces"):
        return TRACES
    if path.startswith("/graphql"):
        return GRAPHQL
    inside = _FAMILY.sub("", path, count=1)
    return next((text for pattern, text in _PATTERNS if pattern.fullmatch(inside)), "")
