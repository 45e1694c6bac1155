"""Register a file as a version of a dataset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pilothouse.data.registration_job import register_job
from pilothouse.kit.parameters import Parameter
from pilothouse.pipelines.step_kinds import StepContext, StepOutput, step_kinds


@step_kinds.register("register_dataset")
class RegisterDatasetStep:
    """A file that the worker can read becomes a version; the same content is the same version."""

    title = "Dataset registration"
    description = "Reads a file and registers it; data that breaks the dataset's contract fails."
    parameters = (
        Parameter("name", "text", required=True, help="The dataset's name."),
        Parameter("path", "text", required=True, help="The file, where the worker finds it."),
        Parameter("options", "object", help="How it is read: ReadOptions as plain values."),
        Parameter("about", "object", help="What is stored with it, such as origin and licence."),
    )
    outputs = (
        StepOutput("dataset", "text", "The version: name@number."),
        StepOutput("rows", "integer", "How many rows it has."),
        StepOutput("existed", "boolean", "Whether that content was registered before."),
    )

    @staticmethod
    def check(inputs: Mapping[str, Any]) -> None:
        """Nothing more: the file may be written by an earlier step."""

    @staticmethod
    def run(
        step: StepContext,
        *,
        name: str,
        path: str,
        options: dict[str, Any] | None = None,
        about: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """One durable step."""
        return step.job.compute(
            "read and register",
            register_job,
            dataset=name,
            path=path,
            filename="",
            options=options or {},
            about=about or {},
        )
