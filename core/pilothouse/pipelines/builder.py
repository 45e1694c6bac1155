"""Pipelines in Python: a file that builds a definition, as a YAML file writes it.

    from pilothouse.pipelines.builder import Pipeline

    pipeline = Pipeline("weekly-churn")
    dataset = pipeline.parameter("dataset", "text", default="churn")
    data = pipeline.step("data", "dataset_version", {"dataset": dataset})
    train = pipeline.step("train", "train", {"dataset": data["dataset"], "target": "churned"})

The file is run in a process of its own when it is registered, and only there: a run does what was
registered. What it builds is checked like a YAML file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class Step:
    """A step that was added; `step["run"]` is an expression for its output `run`."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __getitem__(self, output: str) -> str:
        return f"${{{{ steps.{self.name}.{output} }}}}"


class Pipeline:
    """A pipeline that is being built: its parameters and steps, in the order they are added."""

    def __init__(self, name: str, description: str = "") -> None:
        self.name = name
        self.description = description
        self._parameters: dict[str, dict[str, Any]] = {}
        self._steps: list[dict[str, Any]] = []

    def parameter(
        self,
        name: str,
        type: str = "text",
        *,
        default: Any = None,
        choices: Sequence[Any] = (),
        help: str = "",
    ) -> str:
        """Add a parameter; the expression for its value. Without a default it must be given."""
        parameter = {"type": type, "default": default, "choices": list(choices), "help": help}
        self._parameters[name] = {key: value for key, value in parameter.items() if value != []}
        return f"${{{{ parameters.{name} }}}}"

    def step(
        self,
        name: str,
        uses: str,
        inputs: Mapping[str, Any] | None = None,
        *,
        needs: Sequence[Step | str] = (),
    ) -> Step:
        """Add a step of a kind with its inputs; what it needs is done before it.

        A step whose outputs are among the inputs is needed anyway.
        """
        before = [step.name if isinstance(step, Step) else step for step in needs]
        self._steps.append(
            {"name": name, "uses": uses, "with": dict(inputs or {}), "needs": before}
        )
        return Step(name)

    def to_json(self) -> dict[str, Any]:
        """What a YAML file would hold, as plain values."""
        return {
            "name": self.name,
            "description": self.description,
            "parameters": self._parameters,
            "steps": self._steps,
        }
