"""A container's build context with our own server: what several targets run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pilothouse.deployments.standalone.exported_model import LAUNCH, SETTINGS
from pilothouse.interop.exporting.plan import Content, json_file, text
from pilothouse.interop.exporting.subject import COMPATIBLE_PYTHON, ExportSubject
from pilothouse.kit.parameters import Parameter, Params

PORT = 8080
USER = 10001
SERVER_ONLY = frozenset({"uvicorn", "httptools", "h11", "click"})
SPARE = 4  # times the replicas, where autoscaling ends by default
OPENMP_PACKAGES = frozenset({"lightgbm", "xgboost", "xgboost-cpu", "catboost"})
IMAGE = Parameter(
    "image", "text", "", title="Image",
    help="The name under which the image is pushed; empty for NAME:VERSION.",
)  # fmt: skip
CPU = Parameter("cpu", "number", 1, 0.1, 256, unit="cores", title="CPU", help="A replica gets it.")
MEMORY = Parameter(
    "memory_mb", "integer", None, 64, 1 << 22, unit="MB", title="Memory",
    help="A replica gets it; empty for twice what a process takes now, or 1,024 MB.",
)  # fmt: skip
REPLICAS = Parameter(
    "replicas", "integer", None, 1, 1_000, title="Replicas",
    help="At least; empty for as many as the deployment has processes, or 1.",
)  # fmt: skip
MAX_REPLICAS = Parameter(
    "max_replicas", "integer", None, 1, 10_000, title="Replicas at most",
    help="Where autoscaling ends; empty for the deployment's limit, or four times the replicas.",
)  # fmt: skip
SERVE = '''\
"""Starts the server of the model in the folder `model`: python server/serve.py model"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from pilothouse.deployments.standalone.standalone_server import main

main()
'''
DOCKERFILE = """\
FROM python:{python}-slim

LABEL org.opencontainers.image.title="{name}" \\
      org.opencontainers.image.version="{version}"
ENV PYTHONUNBUFFERED=1 \\
    PYTHONDONTWRITEBYTECODE=1 \\
    OMP_NUM_THREADS=1 \\
    OPENBLAS_NUM_THREADS=1 \\
    HOME=/tmp
{system}WORKDIR /app
COPY requirements.txt ./
RUN pip install --no-cache-dir --requirement requirements.txt
COPY server server
COPY model model
USER {user}
EXPOSE {port}
HEALTHCHECK --interval=10s --timeout=3s --start-period={start}s --retries=3 \\
    CMD ["python", "server/health.py"]
ENTRYPOINT ["python", "server/serve.py", "model"]
"""
OPENMP = """\
# OpenMP, which the wheels of boosted trees use and the image lacks.
# hadolint ignore=DL3008
RUN apt-get update \\
    && apt-get install --no-install-recommends --yes libgomp1 \\
    && rm -rf /var/lib/apt/lists/*
"""
HEALTH = '''\
"""Ends with 0 when the server answers."""

import os
import urllib.request

port = os.environ.get("AIP_HTTP_PORT") or os.environ.get("PORT") or "{port}"
urllib.request.urlopen(f"http://127.0.0.1:{{port}}/v2/health/ready", timeout=2).close()
'''


def python_refusal(subject: ExportSubject) -> str:
    """Why the copied modules cannot run on a version's Python; empty when they can."""
    needed = COMPATIBLE_PYTHON
    if tuple(map(int, subject.python.split(".")[:2])) >= needed:
        return ""
    return (
        f"it runs on Python {subject.python}, and the server of an export needs "
        f"{needed[0]}.{needed[1]} or newer"
    )


def image_of(subject: ExportSubject, options: Mapping[str, Any]) -> str:
    """The image's name."""
    return options["image"] or f"{subject.label}:{subject.version}"


def replicas_of(subject: ExportSubject, options: Params) -> tuple[int, int]:
    """How many replicas at least and at most."""
    processes = subject.processes
    least = options["replicas"] or processes.least
    usual = least * SPARE if processes.is_fixed else processes.most
    return least, max(options["max_replicas"] or usual, least)


def memory_of(subject: ExportSubject, options: Params) -> int:
    """Memory of a replica in MB."""
    return int(options["memory_mb"] or subject.memory_mb)


def model_folder(subject: ExportSubject, under: str = "model") -> dict[str, bytes | Path]:
    """The folder of the exported model: launch file, limits and files."""
    return {
        f"{under}/{LAUNCH}": json_file(launch_json(subject)),
        f"{under}/{SETTINGS}": json_file(subject.settings.to_json()),
        **{f"{under}/{path}": file for path, file in subject.model_files.items()},
    }


def launch_json(subject: ExportSubject) -> dict[str, Any]:
    """The launch as `Launch.write` writes it."""
    return asdict(subject.launch)


def server_folder(subject: ExportSubject, under: str = "server") -> dict[str, bytes | Path]:
    """The modules that serve it."""
    return {f"{under}/{path}": data for path, data in subject.server_files.items()}


def requirements(subject: ExportSubject) -> bytes:
    """The lock as pip reads it."""
    return text("\n".join(subject.lock))


def container_files(subject: ExportSubject, under: str = "") -> dict[str, Content]:
    """Dockerfile, requirements, server and model, in a folder or at the top."""
    system = OPENMP if subject.packages & OPENMP_PACKAGES else ""
    dockerfile = DOCKERFILE.format(
        python=subject.python,
        name=subject.label,
        version=subject.version,
        system=system,
        user=USER,
        port=PORT,
        start=round(subject.start_seconds),
    )
    files: dict[str, Content] = {
        "Dockerfile": text(dockerfile),
        "requirements.txt": requirements(subject),
        "server/serve.py": text(SERVE),
        "server/health.py": text(HEALTH.format(port=PORT)),
        **server_folder(subject),
        **model_folder(subject),
    }
    return {f"{under}{path}": content for path, content in files.items()}


def scorer_files(subject: ExportSubject, under: str) -> dict[str, bytes | Path]:
    """Modules and model for code of another server, which calls `Scorer`; in a folder."""
    return {
        **server_folder(subject, f"{under}server"),
        **model_folder(subject, f"{under}model"),
        f"{under}requirements.txt": scorer_requirements(subject),
    }


def scorer_requirements(subject: ExportSubject) -> bytes:
    """The lock without the packages of our own server."""
    lines = [line for line in subject.lock if line.partition("==")[0] not in SERVER_ONLY]
    return text("\n".join(lines))
