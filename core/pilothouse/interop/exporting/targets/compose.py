"""A Compose file around the container."""

from __future__ import annotations

from typing import Any

from pilothouse.interop.exporting.container_files import (
    CPU,
    IMAGE,
    MEMORY,
    PORT,
    REPLICAS,
    container_files,
    image_of,
    memory_of,
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

HOST_PORT = Parameter(
    "port", "integer", PORT, 1, 65_535, title="Port", help="On the machine that runs it."
)


@export_targets.register("compose")
class ComposeTarget:
    """`compose.yaml` by the Compose specification, for Docker Compose and Podman."""

    title = "Docker Compose"
    description = "The container and a compose.yaml with its port, health, memory and restarts."
    parameters = (IMAGE, HOST_PORT, CPU, MEMORY, REPLICAS)

    @staticmethod
    def refusal(subject: ExportSubject) -> str:
        """As the container."""
        return python_refusal(subject)

    @staticmethod
    def plan(subject: ExportSubject, options: Params) -> ExportPlan:
        """The context in `container/`, and the file that builds and runs it."""
        replicas = options["replicas"] or subject.processes.least
        port, memory = options.integer("port"), memory_of(subject, options)
        several = replicas > 1
        service: dict[str, Any] = {
            "image": image_of(subject, options),
            "build": {"context": "./container"},
            "ports": [f"{port}-{port + replicas - 1}:{PORT}" if several else f"{port}:{PORT}"],
            "restart": "unless-stopped",
            "read_only": True,
            "tmpfs": ["/tmp"],
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges:true"],
            "healthcheck": {
                "test": ["CMD", "python", "server/health.py"],
                "interval": "10s",
                "timeout": "3s",
                "retries": 3,
                "start_period": f"{round(subject.start_seconds)}s",
            },
            "deploy": {
                "replicas": replicas,
                "resources": {"limits": {"cpus": f"{options['cpu']:g}", "memory": f"{memory}M"}},
            },
        }
        document = {"name": subject.label, "services": {subject.label: service}}
        scaling = (
            (
                f"One address for {replicas} replicas: Compose gives each a port of its own, from "
                f"{port} on. Put a proxy before them.",
            )
            if several
            else ()
        )
        return ExportPlan(
            files={**container_files(subject, "container/"), "compose.yaml": yaml_file(document)},
            carried=(
                *own_server_carried(subject),
                f"Replicas: {replicas}, each with a CPU limit of {options['cpu']:g} and {memory:,} "
                "MB, restarted when they end.",
            ),
            left_out=(
                *left_out(subject, limits=True),
                *scaling,
                *scaling_left_out(subject, "Compose"),
            ),
            steps=f"    docker compose up --build\n\nIt answers at `http://127.0.0.1:{port}`.",
        )
