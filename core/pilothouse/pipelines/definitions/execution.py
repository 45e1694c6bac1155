"""How a run is done: one step after another in the order of the definition, in one durable job.

The steps of one job are one sequence in the engine, so that a job that is resumed finds the result
of each by its position. Steps that do not need one another are therefore done one after another
too; heavy work of several runs is done at the same time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pilothouse.jobs import JobContext
from pilothouse.jobs.tables import CANCELLED, FAILED, SUCCEEDED
from pilothouse.kit.errors import Cancelled, PilothouseError
from pilothouse.kit.parameters import read_params
from pilothouse.pipelines.definitions.definition import PipelineStep
from pilothouse.pipelines.definitions.pipeline_runs import RunPlan, begin_step, end_step
from pilothouse.pipelines.input_expressions import resolve
from pilothouse.pipelines.step_kinds import StepContext, step_kinds

Outputs = dict[str, Mapping[str, Any]]


def run_steps(job: JobContext, plan: RunPlan) -> Outputs:
    """Do every step whose result is not taken from another run; the outputs of all."""
    outputs: Outputs = dict(plan.reused)
    open_steps = [step for step in plan.definition.steps if step.name not in plan.reused]
    for index, step in enumerate(open_steps):
        part = job.part(step.name, index / len(open_steps), (index + 1) / len(open_steps))
        outputs[step.name] = run_step(part, plan, step, outputs)
    return outputs


def run_step(
    job: JobContext, plan: RunPlan, step: PipelineStep, outputs: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Do one step with the outputs of those before it; its own outputs."""
    kind = step_kinds.get(step.uses)
    inputs = resolve(dict(step.inputs), plan.parameters, outputs)
    begin_step(job.store, plan.run, step.name, inputs, job.id)
    try:
        values = read_params(f"the step {step.name}", kind.parameters, inputs)
        context = StepContext(job, plan.definition.name, step.name)
        result = kind.run(context, **{name: values[name] for name in inputs})
    except PilothouseError as refused:
        status = CANCELLED if isinstance(refused, Cancelled) else FAILED
        end_step(job.store, plan.run, step.name, status, error=refused.message, hint=refused.hint)
        raise
    except Exception as broken:
        error = f"{type(broken).__name__}: {broken}"
        end_step(job.store, plan.run, step.name, FAILED, error=error)
        raise
    end_step(job.store, plan.run, step.name, SUCCEEDED, outputs=result)
    return result
