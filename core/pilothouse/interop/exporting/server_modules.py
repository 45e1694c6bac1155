"""The modules of Pilothouse that serve a model, as files of an export.

They need the packages of `SERVER_PACKAGES` beside the model's own, and Python 3.11 or newer.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

SERVER_PACKAGES = ("orjson", "uvicorn", "httptools")
PARTS = ("models", "deployments/model_server", "deployments/standalone")
FILES = (
    "__init__.py",
    *(
        f"kit/{name}.py"
        for name in (
            *("__init__", "asgi", "clock", "errors", "garbage", "ids", "logs", "parameters"),
            "plugins",
        )
    ),
    "deployments/__init__.py",
    "deployments/autoscaling.py",
    "deployments/feature_rule.py",
    "deployments/traffic_split.py",
    "deployments/access/__init__.py",
    "deployments/access/token_bucket.py",
    "deployments/log_rules/__init__.py",
    "deployments/log_rules/logged_columns.py",
    "deployments/prediction_log/__init__.py",
    "deployments/prediction_log/stored_columns.py",
    *(
        f"deployments/gateway/{name}.py"
        for name in (
            *("__init__", "answers", "binary_tensors", "bodies", "body_reader", "columns"),
            *("deployment_route", "encodings", "endpoints", "exposition", "external_columns"),
            *("external_rows", "invocations", "kserve", "labels", "metrics", "model_pages", "oip"),
            *("parquet_rows", "protocols", "reader_process", "request", "tensors", "torchserve"),
            "variants",
        )
    ),
    *(f"training/{name}.py" for name in ("__init__", "columns", "encoding", "spec")),
    "training/trainers/__init__.py",
)


def server_modules() -> dict[str, bytes]:
    """Path below `server/` -> content."""
    return dict(_modules())


def _modules() -> Iterator[tuple[str, bytes]]:
    package = Path(sys.modules["pilothouse"].__path__[0])
    names = [package / name for name in FILES]
    for part in PARTS:
        names += sorted((package / part).rglob("*.py"))
    for name in names:
        yield f"pilothouse/{name.relative_to(package).as_posix()}", name.read_bytes()
