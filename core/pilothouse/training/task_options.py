"""The task of a training: the one that its target suggests, and the options that go with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pilothouse.kit.errors import Invalid
from pilothouse.models.target_facts import TargetFacts
from pilothouse.models.tasks import Task, primary_metric, suggested_task, tasks, trainable_tasks
from pilothouse.training.spec import AUTO, BALANCED, TrainingSpec
from pilothouse.training.trainers import trainers


def resolve_task(spec: TrainingSpec, facts: TargetFacts) -> TrainingSpec:
    """The spec with its task, its metric and its levels settled.

    Raises Invalid when the target does not fit the task, or an option does not belong to it.
    """
    name = spec.task or _suggested(spec, facts)
    task = tasks.get(name)
    if problem := task.target_problem(facts):
        titles = [tasks.get(other).title for other in trainable_tasks(facts)]
        raise Invalid(
            f"the target {spec.target!r} {problem}.",
            hint=f"It suits: {', '.join(titles)}." if titles else "Choose another target.",
            fields={"target": problem},
        )

    spec = replace(spec, task=name).checked()
    if wrong := dict(_foreign_options(spec, task)):
        message = "; ".join(f"{field} {text}" for field, text in wrong.items())
        raise Invalid(f"this training cannot run: {message}.", fields=wrong)
    return replace(
        spec,
        metric=spec.metric or primary_metric(task),
        levels=tuple(sorted(set(spec.levels))) or task.default_levels,
    )


def _suggested(spec: TrainingSpec, facts: TargetFacts) -> str:
    """The task that the target suggests. Raises Invalid when there is none, with the reason."""
    name = suggested_task(facts)
    if name is not None:
        return name
    if facts.type == "time":
        problem = "holds times, which cannot be predicted"
    elif facts.distinct < 2:
        problem = f"has {facts.distinct} distinct values; at least two are needed"
    else:
        counts = f"{facts.distinct:,} distinct values in {facts.rows:,} rows"
        problem = f"has {counts}, which are too many to be classes"
    hint = "Every value of it is missing." if not facts.rows else "Choose another target."
    raise Invalid(f"the target {spec.target!r} {problem}.", hint=hint, fields={"target": problem})


def _foreign_options(spec: TrainingSpec, task: Task) -> Iterator[tuple[str, str]]:
    """Options that do not belong to the task, and a trainer that does not fit it."""
    what = task.title.lower()
    trainer = trainers.get(spec.trainer)
    if task.estimator not in trainer.estimators:
        yield "trainer", f"{trainer.title} does not fit {what}"
    if spec.positive not in (None, "") and not task.has_threshold:
        yield "positive", f"does not belong to {what}"
    if spec.threshold is not None and not task.has_threshold:
        yield "threshold", f"does not belong to {what}"
    if spec.levels and not task.default_levels:
        yield "levels", f"do not belong to {what}"
    if spec.class_weight == BALANCED and not task.has_classes:
        yield "class_weight", f"does not belong to {what}"
    if spec.split not in (AUTO, "random", "time") and not task.has_classes:
        yield "split", "cannot be stratified without classes"
