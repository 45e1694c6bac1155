"""Run a shell command: for everything that no other kind does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pilothouse.kit.errors import Invalid
from pilothouse.kit.parameters import Parameter
from pilothouse.pipelines.input_expressions import PLACEHOLDER
from pilothouse.pipelines.step_command import run_step_command
from pilothouse.pipelines.step_kinds import OWN_OUTPUTS, StepContext, StepOutput, step_kinds


@step_kinds.register("command")
class CommandStep:
    """A command in an empty folder, with the rights of the worker's account."""

    title = "Command"
    description = (
        "Runs a shell command in an empty folder, with Pilothouse's Python first on the path; "
        "the JSON object that it writes to the file $STEP_OUTPUTS has its outputs."
    )
    parameters = (
        Parameter("command", "text", required=True, help="What `sh -c` runs; no expressions."),
        Parameter("env", "object", help="Variables of the command, which may be expressions."),
        Parameter(OWN_OUTPUTS, "list", help="Names of the outputs that the command writes."),
    )
    outputs = (StepOutput("output", "text", "The last line that it has written."),)

    @staticmethod
    def check(inputs: Mapping[str, Any]) -> None:
        """No expression in the command: its value could hold commands of its own."""
        if PLACEHOLDER.search(str(inputs.get("command", ""))):
            raise Invalid(
                "a command holds no expressions.",
                hint="Give the value under env, and write $NAME in the command.",
                fields={"command": "no expressions"},
            )
        for name in inputs.get(OWN_OUTPUTS) or ():
            if not isinstance(name, str) or not name.isidentifier() or name == "output":
                raise Invalid(f"{name!r} is not a name for an output of one's own.")
        for name in inputs.get("env") or {}:
            if not name.isidentifier():
                raise Invalid(f"{name!r} is not a name for a variable.")

    @staticmethod
    def run(
        step: StepContext,
        *,
        command: str,
        env: dict[str, Any] | None = None,
        outputs: list[str] | None = None,
    ) -> dict[str, Any]:
        """One durable step; a command that was killed with its worker runs anew."""
        return step.job.compute(
            "run",
            run_step_command,
            command=command,
            env=env or {},
            outputs=outputs or [],
            step_id=step.id,
        )
