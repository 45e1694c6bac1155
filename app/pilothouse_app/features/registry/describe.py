"""The describe form: what a version from elsewhere answers, where its files do not say it.

It is filled with what the file and the model's answer to its example say, which stand beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from pilothouse.models.signature import UNSPECIFIED, Label, Signature
from pilothouse.models.tasks import tasks
from pilothouse.registry.description import DescribedBy, parts_of
from pilothouse_app.components.dialogs import dialog_buttons, run_or_show_error
from pilothouse_app.components.diff import pairs_table, value_text
from pilothouse_app.components.header import section
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.table import name_column, table, text_column
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace

if TYPE_CHECKING:
    from pilothouse.registry.info import VersionInfo

GIVES = {
    "probability": "A probability for each class",
    "label": "The class",
    "value": "A number, or other values",
}
MAX_ANSWER_ROWS = 3
FACT_TITLES = {
    "task": "Task",
    "classes": "Classes",
    "levels": "Quantile levels",
    "gives": "It gives",
    "outputs": "Outputs",
    "batchable": "Each row on its own",
    "deterministic": "Same answer twice",
}


@dataclass(frozen=True)
class Prefilled:
    """What the form begins with: of the version's signature, of its file, of its answer."""

    task: str
    gives: str
    classes: tuple[Label, ...]
    levels: tuple[float, ...]
    outputs: tuple[str, ...]
    output_types: Mapping[str, str]
    signature: Signature


def describe_button(version: VersionInfo) -> None:
    """The button that opens the form again; none where a description would be refused."""
    if not version.import_source or version.package is None:
        return
    if not version.signature.is_described:  # the line of what is missing has the button
        return
    if workspace().registry.reason_not_described(version.model, version.version):
        return
    if st.button("Change description", icon=":material/edit_note:", key="version_describe"):
        describe(version.model, version.version)


@st.dialog("Describe the model", width="large", icon=":material/edit_note:", on_dismiss="rerun")
def describe(model: str, version: int) -> None:
    """The form on the left, what the model itself says on the right."""
    registry = workspace().registry
    info = registry.version(model, version)
    with st.spinner("A model process reads the file and answers its example"):
        facts = registry.inspection(model, version) or {}
    prefilled = prefill(info, facts, _logged_outputs(info))
    form, evidence = st.columns([52, 48], gap="medium")
    with form:
        values = _form(prefilled, facts)
    with evidence:
        _evidence(info, facts)
    if dialog_buttons("Describe", "describe") and run_or_show_error(
        lambda: registry.describe(model, version, **values)
    ):
        toast_next(f"{model} {version} is described")
        st.rerun()


def _logged_outputs(info: VersionInfo) -> tuple[str, ...]:
    """The names of the outputs in the file that the logging program wrote."""
    logged = workspace().registry.external_version(info.model, info.version)
    outputs = logged.model.outputs if logged and logged.model else ()
    names = tuple(column.name for column in outputs)
    return names if all(names) else ()


def prefill(info: VersionInfo, facts: Mapping[str, Any], logged: Sequence[str]) -> Prefilled:
    """What the form begins with; a description that is there already comes first."""
    signature = info.signature
    described = signature if signature.is_described else None
    described_outputs = tuple((field.name, field.type) for field in signature.outputs)
    outputs = described_outputs or _proposed_outputs(facts, logged)
    task = str(facts.get("task") or "")
    return Prefilled(
        task=described.task if described else task if task in dict(tasks.items()) else UNSPECIFIED,
        gives=described.gives if described else str(facts.get("gives") or ""),
        classes=signature.classes or tuple(facts.get("classes") or ()),
        levels=signature.levels or tuple(facts.get("levels") or ()),
        outputs=tuple(name for name, _ in outputs),
        output_types=dict(outputs),
        signature=signature,
    )


def _proposed_outputs(
    facts: Mapping[str, Any], logged: Sequence[str]
) -> tuple[tuple[str, str], ...]:
    """As many outputs as the answer has values: the logged names, else those of the file."""
    fields = facts.get("outputs") or ()
    own = [field["name"] for field in fields]
    answer = facts.get("answer") or [list(logged) or own]
    width = len(answer[0])
    numbered = [f"output_{number}" for number in range(1, width + 1)]
    names = next(names for names in (list(logged), own, numbered) if len(names) == width)
    types = [field["type"] for field in fields] if len(fields) == width else ["number"] * width
    return tuple(zip(names, types, strict=True))


def _form(prefilled: Prefilled, facts: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs that the chosen task has, as parameters of `describe`."""
    by_name = dict(tasks.items())
    names = list(by_name)
    chosen = st.selectbox(
        "Task",
        names,
        index=names.index(prefilled.task),
        format_func=lambda name: by_name[name].title,
        key="describe_task",
        help=by_name[prefilled.task].description,
    )
    task = str(chosen)
    parts = parts_of(by_name[task])
    values: dict[str, Any] = {"task": task}
    values |= _gives(parts, prefilled, task)
    values["target"] = st.text_input(
        "What it predicts",
        prefilled.signature.target,
        placeholder="The name of the target",
        key="describe_target",
    )
    if parts.classes:
        values |= _classes(parts, prefilled)
    if parts.threshold:
        values["threshold"] = st.number_input(
            "Threshold",
            value=prefilled.signature.threshold,
            format="%.4f",
            key="describe_threshold",
        )
    if parts.levels:
        text = ", ".join(f"{level:g}" for level in prefilled.levels)
        typed = st.text_input(
            "Quantile levels", text, placeholder="0.1, 0.5, 0.9", key="describe_levels"
        )
        values["levels"] = _numbers(typed or "")
    if parts.outputs:
        names_of_outputs = _lines("Outputs", prefilled.outputs, "describe_outputs")
        values["outputs"] = [
            (name, prefilled.output_types.get(name, "number")) for name in names_of_outputs
        ]
    if parts.unit:
        values["unit"] = st.text_input(
            "Unit", prefilled.signature.unit, placeholder="EUR", key="describe_unit"
        )
    return values | _inputs(prefilled, facts)


def _gives(parts: DescribedBy, prefilled: Prefilled, task: str) -> dict[str, Any]:
    if len(parts.gives) == 1:
        return {"gives": parts.gives[0]}
    initial = prefilled.gives if prefilled.gives in parts.gives else parts.gives[0]
    chosen = st.selectbox(
        "It gives",
        parts.gives,
        index=parts.gives.index(initial),
        format_func=lambda name: GIVES[name],
        key=f"describe_gives_{task}",
    )
    return {"gives": chosen}


def _classes(parts: DescribedBy, prefilled: Prefilled) -> dict[str, Any]:
    """The classes in the model's order, and the positive one among them."""
    names = _lines("Classes, in the model's order", map(str, prefilled.classes), "describe_classes")
    labels = [as_label(name, prefilled.classes) for name in names]
    values: dict[str, Any] = {"classes": labels}
    if parts.positive and labels:
        before = prefilled.signature.positive
        index = labels.index(before) if before in labels else len(labels) - 1
        values["positive"] = st.selectbox(
            "Positive class", labels, index=index, format_func=str, key="describe_positive",
            help="The class that the score is the probability of.",
        )  # fmt: skip
    return values


def as_label(text: str, of_the_file: Sequence[Label]) -> Label:
    """The class that a line is: that of the file where it is written alike, else the text."""
    return next((label for label in of_the_file if str(label) == text), text)


def _lines(label: str, initial: Any, key: str) -> list[str]:
    text = st.text_area(label, "\n".join(initial), height=110, key=key, help="One a line.")
    return [line.strip() for line in (text or "").splitlines() if line.strip()]


def _numbers(text: str) -> list[float]:
    """The numbers of a text; what is none is left to the task, which says how many it needs."""
    values = []
    for part in text.replace(";", ",").split(","):
        try:
            values.append(float(part))
        except ValueError:
            continue
    return values


def _inputs(prefilled: Prefilled, facts: Mapping[str, Any]) -> dict[str, Any]:
    """The input columns, where the file does not declare them."""
    if prefilled.signature.inputs:
        return {}
    fields = facts.get("input_fields") or ()
    pairs = [f"{field['name']}={field['type']}" for field in fields]
    pairs = pairs or [f"{name}=number" for name in facts.get("inputs") or ()]
    lines = _lines("Inputs, in the model's order: name=type", pairs, "describe_inputs")
    split = [line.partition("=") for line in lines]
    return {"inputs": {name.strip(): kind.strip() or "number" for name, _, kind in split} or None}


def _evidence(info: VersionInfo, facts: Mapping[str, Any]) -> None:
    """What the file says of itself, and how the model answers its example."""
    section("What the model says")
    if facts.get("message"):
        st.markdown(f":red[:material/error:] {literal(facts['message'])}")
        return
    if not facts:
        registry = workspace().registry
        reason = registry.reason_not_loaded(info.model, info.version)
        st.markdown(f":gray[Its model process was not started: {literal(reason)}.]")
        return
    stated = {text: facts[name] for name, text in FACT_TITLES.items() if name in facts}
    if stated.get("It gives") in GIVES:
        stated["It gives"] = GIVES[stated["It gives"]]
    if (task := facts.get("task")) in dict(tasks.items()):
        stated["Task"] = tasks.get(task).title
    pairs_table(stated, alt="What the file says of the model")
    answer = facts.get("answer") or []
    section("Answer to its example", "" if answer else "its files have no example")
    if answer:
        table(
            pd.DataFrame(_answer_rows(info, answer)),
            {"example": name_column("Example row", width=210), "answer": text_column("Answer")},
            key="describe_answer",
            alt="Answers of the model to its example",
        )


def _answer_rows(info: VersionInfo, answer: Sequence[Sequence[Any]]) -> list[dict[str, str]]:
    examples = [*info.input_example, *({} for _ in answer)]
    return [
        {
            "id": str(number),
            "example": ", ".join(f"{name} {value_text(value)}" for name, value in example.items()),
            "answer": ", ".join(map(value_text, row)),
        }
        for number, (example, row) in enumerate(
            zip(examples, answer[:MAX_ANSWER_ROWS], strict=False)
        )
    ]
