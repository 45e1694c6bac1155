"""What every export of pipelines promises: a text with each step's command, always the same."""

from __future__ import annotations

from datetime import UTC, datetime

from pilothouse.kit.parameters import read_params
from pilothouse.pipelines.definitions.definition import (
    Definition,
    PipelineParameter,
    PipelineStep,
)
from pilothouse.pipelines.definitions.definition_info import PipelineInfo
from pilothouse.pipelines.definitions.exports import Exporter
from pilothouse.testing.parameters import check_described

STEPS = (
    PipelineStep("first-step", "dataset_version", {"dataset": "${{ parameters.data }}"}),
    PipelineStep("first_step", "command", {"command": "true"}),
    PipelineStep("last", "command", {"command": "true"}, ("first-step", "first_step")),
)
PARAMETERS = (
    PipelineParameter("data", "text", 'it\'s "churn" <&> ${x}'),
    PipelineParameter("needed", "text"),
    PipelineParameter("rounds", "integer", 3),
    PipelineParameter("day", "date", "today"),
    PipelineParameter("mode", "choice", "a", ("a", "b")),
)


def pipelines() -> tuple[PipelineInfo, ...]:
    """A pipeline with every type of parameter and names that differ little; and a small one."""
    at = datetime(2026, 3, 1, tzinfo=UTC)
    described = Definition("two-steps.v1", STEPS, PARAMETERS, 'Says "quoted" \\ things')
    small = Definition("small", STEPS[1:2])
    return tuple(
        PipelineInfo(definition, 7, 7, "pipeline.yaml", "0" * 64, at, "ada")
        for definition in (described, small)
    )


def check_export(name: str, exporter: Exporter) -> None:
    """Raise AssertionError, with what is wrong, unless the export keeps every promise."""
    check_described(name, exporter)
    missing = [p.name for p in exporter.parameters if p.default is None]
    assert not missing, f"{name}: every option needs a default, {missing} have none"
    options = read_params(name, exporter.parameters, {})
    for pipeline in pipelines():
        file = exporter.filename(pipeline)
        assert "/" not in file, f"{name} names a folder: {file}"
        assert "." in file, f"{name} names a file without an ending"
        text = exporter.write(pipeline, options)
        assert text == exporter.write(pipeline, options), f"{name} gives two texts"
        assert text.endswith("\n"), f"{name} must end with a line"
        if file.endswith(".py"):
            compile(text, file, "exec")
        assert "run-step" in text, f"{name}: a task calls `pilothouse pipelines run-step`"
        for step in pipeline.definition.steps:
            assert step.name in text, f"{name} leaves the step {step.name} out"
