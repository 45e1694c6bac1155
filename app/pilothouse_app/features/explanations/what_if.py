"""What-if: a row is changed, and the model answers at once; what moves the answer and flips it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import streamlit as st

from pilothouse.kit.errors import PilothouseError
from pilothouse.models.tasks import task_of
from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.errors import error_box
from pilothouse_app.components.header import section
from pilothouse_app.components.kpis import Kpi, kpi_row
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.deployments.prediction import prediction_text
from pilothouse_app.features.explanations.record_sliders import record_sliders
from pilothouse_app.features.explanations.row_answers import row_answers
from pilothouse_app.features.explanations.row_source import ChosenRow, choose_row

if TYPE_CHECKING:
    from pilothouse.explanations.row_results import WhatIfAnswer
    from pilothouse.registry.info import VersionInfo

ANSWERS = "responsible_answers"  # to the records that were asked about, by version and record
MAX_ANSWERS = 200


def what_if_view(version: VersionInfo) -> None:
    """The choice of a row, its inputs at the left, answers at the right."""
    if not version.signature.is_described:
        text = "Describe its inputs and its answer on the version's page first."
        empty("What it answers is not known", text, icon=":material/help:")
        return
    row = choose_row(version)
    if row is None:
        return
    _part(version, row)


@st.fragment
def _part(version: VersionInfo, row: ChosenRow) -> None:
    """Drawn alone: a slider that moves must not draw the whole page anew."""
    key = f"what_if_{version.ref}_{_digest(row.record)}"
    ranges = workspace().explanations.input_ranges(version.model, version.version)
    left, right = st.columns([56, 44], gap="medium")
    with left:
        with st.container(
            horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
        ):
            section("Row", literal(row.source))
            beyond = st.toggle("Outside of what was seen", key=f"{key}__beyond")
        record = record_sliders(
            version.signature.inputs, ranges, row.record, beyond=beyond, key=key
        )
    with right:
        section("Answer", "not logged as a prediction")
        if _answer(version, row, record):
            row_answers(version, row, record, key=key)


def _answer(version: VersionInfo, row: ChosenRow, record: Mapping[str, Any]) -> bool:
    """Draw both answers; whether there are any."""
    try:
        with st.spinner("Asking the model", show_time=False):
            before = _ask(version, row.record)
            after = before if record == row.record else _ask(version, record)
    except PilothouseError as refused:
        error_box(refused)
        return False
    signature, task = version.signature, task_of(version.signature)
    threshold = f"threshold {signature.threshold:.3f}" if task.has_threshold else ""
    flipped = task.has_classes and after.prediction != before.prediction
    note = (
        f"was {prediction_text(before.prediction, signature.unit)}" if record != row.record else ""
    )
    tiles = [
        Kpi(
            signature.target or "Prediction",
            prediction_text(after.prediction, signature.unit),
            f"{note}, another answer" if flipped else note or threshold,
        )
    ]
    columns = [c for c in task.columns(signature) if c.kind == "number"]
    for column in columns[:3]:
        value, was = after.outputs.get(column.name), before.outputs.get(column.name)
        if value is None or value == after.prediction:
            continue
        change = value - was if isinstance(was, int | float) and value != was else None
        tiles.append(
            Kpi(column.title, prediction_text(value, column.unit),
                f"{change:+.4g}" if change else threshold)
        )  # fmt: skip
    kpi_row(tiles, columns=2)
    return True


def _ask(version: VersionInfo, record: Mapping[str, Any]) -> WhatIfAnswer:
    """The answer to a record; asked once, as long as the page is open."""
    answers: dict[str, WhatIfAnswer] = st.session_state.setdefault(ANSWERS, {})
    key = f"{version.ref} {version.digest} {_digest(record)} {hash(version.signature)}"
    if key not in answers:
        while len(answers) >= MAX_ANSWERS:
            answers.pop(next(iter(answers)))
        answers[key] = workspace().explanations.what_if(version.model, version.version, record)
    return answers[key]


def _digest(record: Mapping[str, Any]) -> str:
    return json.dumps(dict(record), sort_keys=True, default=str)
