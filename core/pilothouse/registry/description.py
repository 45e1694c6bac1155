"""Descriptions: what a model from elsewhere answers, where its files do not say it.

A person gives the task and what the task needs once; the task checks it, and the audit log has it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

from sqlmodel import Session

from pilothouse.activity import record
from pilothouse.kit.errors import Conflict, Invalid
from pilothouse.models.signature import (
    FieldType,
    Gives,
    Label,
    OutputField,
    Signature,
    SignatureField,
)
from pilothouse.models.tasks import Task, tasks
from pilothouse.registry import versions
from pilothouse.registry.info import VersionInfo
from pilothouse.registry.tables import UNGATED
from pilothouse.storage import Store

InUse = Callable[[Session, str, int], str]  # what uses a version, as a clause; "" when nothing does


@dataclass(frozen=True)
class Description:
    """What a version answers. What is None or empty keeps the value that the version has.

    `outputs` are names, or (name, type) pairs; `inputs` changes types of input columns by name, or
    names all of them where the files declare none.
    """

    task: str
    classes: Sequence[Label] = ()
    positive: Label | None = None
    threshold: float | None = None
    outputs: Sequence[str | tuple[str, str]] = ()
    levels: Sequence[float] = ()
    unit: str | None = None
    gives: str = ""
    target: str | None = None
    inputs: Mapping[str, str] | None = None


@dataclass(frozen=True)
class DescribedBy:
    """Which parts of a description a task uses: what a form has to ask."""

    classes: bool
    positive: bool
    threshold: bool
    levels: bool
    outputs: bool
    unit: bool
    gives: tuple[Gives, ...]


def parts_of(task: Task) -> DescribedBy:
    """The parts that a task's own example has."""
    example = task.example.signature
    gives: tuple[Gives, ...] = ("value",)
    if example.gives != "value":
        # A threshold decides on one score, which may be no probability, between two classes.
        is_margin = task.has_classes and task.has_threshold
        gives = ("probability", "label", *(("value",) if is_margin else ()))
    return DescribedBy(
        classes=task.has_classes,
        positive=task.has_classes and example.positive != "",
        threshold=task.has_threshold,
        levels=bool(example.levels),
        outputs=bool(example.outputs),
        unit=any(metric.in_target_unit for metric in task.metrics),
        gives=gives,
    )


def describe(
    session: Session,
    store: Store,
    version: VersionInfo,
    description: Description,
    answer: Sequence[Sequence[Any]] = (),
    in_use: str = "",
) -> VersionInfo:
    """Write a description into the version's signature. `answer` is the model's raw answer.

    Raises Conflict when the version was trained here, is in a gated stage or was deployed, Invalid
    when the task lacks something or the answer does not fit, NotFound for an unknown task.
    """
    _refuse_fixed(version, in_use)
    before = version.signature
    signature = described(before, description)
    task = tasks.get(signature.task)
    task.check(signature)
    _check_inputs(signature)
    check_answer(task, signature, answer)

    row = versions.require(session, version.model, version.version)
    row.signature = signature.to_json()
    row.updated_at = store.now()
    if signature.names != before.names:
        row.input_example = []
    session.add(row)
    session.flush()
    record(
        session,
        store,
        "described",
        "version",
        version.ref,
        before=_facts(before),
        after=_facts(signature),
    )
    return versions.find(session, version.model, version.version)


def reason_against(version: VersionInfo, in_use: str = "") -> str:
    """Why a version cannot be described anew, as a sentence; empty when it can."""
    try:
        _refuse_fixed(version, in_use)
    except Conflict as fixed:
        return str(fixed)
    return ""


def _refuse_fixed(version: VersionInfo, in_use: str) -> None:
    if not version.import_source:
        raise Conflict(f"{version.ref} was trained here, which described it.")
    again = "Register the model again: the new version can be described anew."
    if in_use:
        raise Conflict(f"{version.ref} cannot be described anew: {in_use}.", hint=again)
    if version.stage not in UNGATED and version.signature.is_described:
        message = f"{version.ref} is in {version.stage} with the description that it has."
        raise Conflict(message, hint=again)


def described(before: Signature, description: Description) -> Signature:
    """The signature with a description. Raises NotFound for its task, Invalid for its parts."""
    task = tasks.get(description.task)
    parts = parts_of(task)
    classes = tuple(description.classes or before.classes) if parts.classes else ()
    positive: Label = ""
    if parts.positive:
        positive = _positive(classes, description.positive, before.positive)
    threshold = before.threshold if description.threshold is None else description.threshold
    return replace(
        before,
        inputs=_inputs(before.inputs, description.inputs),
        target=before.target if description.target is None else description.target.strip(),
        classes=classes,
        positive=positive,
        threshold=threshold if parts.threshold else 0.5,
        task=description.task,
        gives=_gives(parts, description.gives, before.gives),
        levels=tuple(map(float, description.levels or before.levels)) if parts.levels else (),
        outputs=_outputs(description.outputs, before.outputs) if parts.outputs else (),
        unit=(before.unit if description.unit is None else description.unit.strip())
        if parts.unit
        else "",
    )


def _positive(classes: tuple[Label, ...], requested: Label | None, before: Label) -> Label:
    """The positive class as the list of classes writes it: "1" means the class 1."""
    if requested is None:
        return before
    matched = Signature((), classes=classes).match_label(requested)
    if matched is None:
        listed = ", ".join(map(repr, classes[:10]))
        raise Invalid(
            f"the positive class {requested!r} is none of the classes.",
            hint=f"Classes: {listed or 'none yet'}.",
            fields={"positive": "none of the classes"},
        )
    return matched


def _gives(parts: DescribedBy, requested: str, before: Gives) -> Gives:
    if requested and requested not in parts.gives:
        listed = ", ".join(parts.gives)
        raise Invalid(
            f"a model of this task does not give {requested!r}.",
            hint=f"Choose {listed}.",
            fields={"gives": f"must be {listed}"},
        )
    chosen = requested or before
    return chosen if chosen in parts.gives else parts.gives[0]


def _outputs(
    requested: Sequence[str | tuple[str, str]], before: tuple[OutputField, ...]
) -> tuple[OutputField, ...]:
    if not requested:
        return before
    pairs = [(part, "number") if isinstance(part, str) else part for part in requested]
    return tuple(OutputField(str(name), _field_type(name, kind)) for name, kind in pairs)


def _inputs(
    before: tuple[SignatureField, ...], requested: Mapping[str, str] | None
) -> tuple[SignatureField, ...]:
    if not requested:
        return before
    if not before:
        return tuple(
            SignatureField(str(name), _field_type(name, kind), required=False)
            for name, kind in requested.items()
        )
    unknown = sorted(set(requested) - {field.name for field in before})
    if unknown:
        raise Invalid(
            f"the model has no input {unknown[0]!r}.",
            hint=f"Inputs: {', '.join(field.name for field in before[:10])}.",
            fields={"inputs": "not an input"},
        )
    return tuple(
        replace(field, type=_field_type(field.name, requested[field.name]))
        if field.name in requested
        else field
        for field in before
    )


def _field_type(name: str, kind: str) -> FieldType:
    if kind not in get_args(FieldType):
        raise Invalid(
            f"the column {name!r} cannot have the type {kind!r}.",
            hint=f"Known: {', '.join(get_args(FieldType))}.",
        )
    return kind  # type: ignore[return-value]  # it is one of the literals


def _check_inputs(signature: Signature) -> None:
    if not signature.inputs:
        raise Invalid(
            "the model's files declare no input columns.",
            hint="Name every input with its type, in the order in which the model takes them.",
            fields={"inputs": "needed"},
        )
    if not signature.is_described:
        raise Invalid(
            "the description says nothing of the model's answer.",
            hint="Name its outputs, or choose the task that it has.",
            fields={"outputs": "needed"},
        )


def check_answer(task: Task, signature: Signature, answer: Sequence[Sequence[Any]]) -> None:
    """Raises Invalid when raw rows of the model do not fit the description."""
    rows = [list(row) for row in answer]
    if not rows:
        return
    expected = _width(task, signature)
    width = len(rows[0])
    if expected and width != expected:
        values = "value" if width == 1 else "values"
        raise Invalid(
            f"the model answered its example with {width} {values}, and the description is of "
            f"{expected}.",
            fields={_field_of(task, signature): f"{width} needed"},
        )
    try:
        task.decide(signature, rows)
    except (ValueError, TypeError, LookupError) as unfit:
        raise Invalid(f"the model's answer to its example does not fit: {unfit}.") from unfit


def _width(task: Task, signature: Signature) -> int:
    """How many values a raw row of such a model has."""
    if signature.gives == "label" and not signature.outputs:
        return 1
    if signature.outputs:
        return len(signature.outputs)
    if signature.levels:
        return len(signature.levels)
    if signature.gives == "probability" and task.has_classes:
        return len(signature.classes)
    return 1


def _field_of(task: Task, signature: Signature) -> str:
    if signature.outputs:
        return "outputs"
    if signature.levels:
        return "levels"
    return "classes" if task.has_classes else "task"


def _facts(signature: Signature) -> dict[str, Any]:
    """What the audit log says of a signature: all but its inputs, of which only the types."""
    content = signature.to_json()
    inputs = {field.name: field.type for field in signature.inputs[:200]}
    return {**content, "task": signature.task, "gives": signature.gives, "inputs": inputs}
