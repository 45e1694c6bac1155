"""A container image's build context with Pilothouse's own server."""

from __future__ import annotations

from pilothouse.interop.exporting.container_files import (
    IMAGE,
    PORT,
    container_files,
    image_of,
    python_refusal,
)
from pilothouse.interop.exporting.export_notes import (
    left_out,
    own_server_carried,
    scaling_left_out,
)
from pilothouse.interop.exporting.plan import ExportPlan, text
from pilothouse.interop.exporting.subject import ExportSubject
from pilothouse.interop.exporting.targets import export_targets
from pilothouse.kit.parameters import Params

STEPS = """\
    docker build --tag {image} .
    docker run --publish {port}:{port} {image}

Without Docker, in an environment with `requirements.txt`:

    python server/serve.py model --port {port}

Then `POST http://127.0.0.1:{port}/v2/models/{name}/infer`, or `/invocations`."""
IGNORED = "NOTES.md\n**/__pycache__\n"


@export_targets.register("container")
class ContainerTarget:
    """A folder that `docker build` takes; other builders read the same Dockerfile."""

    title = "Container"
    description = (
        "A Dockerfile, pinned packages, the model's files and the server that answers the same "
        "protocols as here."
    )
    parameters = (IMAGE,)

    @staticmethod
    def refusal(subject: ExportSubject) -> str:
        """It takes every version whose Python the server can run on."""
        return python_refusal(subject)

    @staticmethod
    def plan(subject: ExportSubject, options: Params) -> ExportPlan:
        """The build context."""
        image = image_of(subject, options)
        several = subject.processes.least > 1
        replicas = (f"{subject.processes.least} processes: a container is one.",) * several
        return ExportPlan(
            files={**container_files(subject), ".dockerignore": text(IGNORED)},
            carried=own_server_carried(subject),
            left_out=(
                *left_out(subject, limits=True),
                *replicas,
                *scaling_left_out(subject, "a container"),
            ),
            steps=STEPS.format(image=image, port=PORT, name=subject.name),
        )
