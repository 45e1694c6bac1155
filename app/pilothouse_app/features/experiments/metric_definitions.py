"""Metric definitions (title, direction, unit, format), and the dialog that edits them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from pilothouse.experiments.metrics.kinds import Direction
from pilothouse_app.components.dialogs import dialog_buttons, reason_input, run_or_show_error
from pilothouse_app.components.optional_number import optional_number
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace

if TYPE_CHECKING:
    from pilothouse.experiments.metrics.definitions import MetricKinds
    from pilothouse.experiments.metrics.kinds import MetricKind

DIRECTIONS: dict[Direction, str] = {
    "higher": "Higher is better",
    "lower": "Lower is better",
    "unknown": "Not known",
}
FORMATS: dict[str, str] = {
    ".4f": "0.1235",
    ".3f": "0.123",
    ".2f": "0.12",
    ".1%": "12.3%",
    ".2%": "12.35%",
    ",.0f": "1,235",
    ".4g": "shortest form",
}


def metric_kinds() -> MetricKinds:
    """Every metric's title, direction, format, unit, target and tolerance: `kinds().of(key)`."""
    return workspace().experiments.metric_kinds()


def describe_button(keys: Sequence[str], *, key: str = "metric_describe", label: str = "") -> None:
    """A button that opens the dialog, for one metric or a choice of several."""
    if st.button(
        label or "Describe a metric",
        icon=":material/edit_note:",
        key=key,
        disabled=not keys,
        help="Title, direction, unit, format, target and tolerance, for everybody",
    ):
        describe_metric(list(keys))


@st.dialog("Describe a metric", icon=":material/edit_note:")
def describe_metric(keys: Sequence[str]) -> None:
    """How a metric is read, by everybody and everywhere in this workspace."""
    definitions = metric_kinds()
    key = st.selectbox(
        "Metric",
        keys,
        format_func=lambda metric: f"{definitions.of(metric).title} ({metric})",
        key="note_key",
    )

    definition = _definition_form(definitions.of(key))
    title = definition["title"]
    reason = reason_input(f"note_reason_{key}")
    if dialog_buttons(
        "Save", "note", missing="" if title else "Enter a title first"
    ) and run_or_show_error(
        lambda: workspace().experiments.describe_metric(key, **definition, reason=reason)
    ):
        toast_next(f"{title} is saved")
        st.rerun()


def _definition_form(kind: MetricKind) -> dict[str, Any]:
    """The inputs of a definition, as arguments of `describe_metric`."""
    key = kind.key
    title = st.text_input("Title", kind.title, key=f"note_title_{key}")
    direction = st.segmented_control(
        "Direction",
        list(DIRECTIONS),
        default=kind.direction,
        required=True,
        format_func=DIRECTIONS.__getitem__,
        key=f"note_direction_{key}",
        help="Changing the direction recalculates every run's best value",
    )

    left, right = st.columns(2)
    unit = left.text_input("Unit", kind.unit, placeholder="ms, %, EUR", key=f"note_unit_{key}")
    formats = list(dict.fromkeys([kind.format, *FORMATS]))
    shape = right.selectbox(
        "Format",
        formats,
        format_func=lambda spec: FORMATS.get(spec, spec),
        key=f"note_format_{key}",
    )

    target = optional_number(
        "Target",
        kind.target,
        format="%g",
        placeholder="none",
        key=f"note_target_{key}",
        container=left,
    )
    tolerance = optional_number(
        "Tolerance",
        kind.tolerance,
        min_value=0.0,
        format="%g",
        placeholder="none",
        key=f"note_tolerance_{key}",
        container=right,
        help="Differences up to this count as the same",
    )

    return {
        "title": (title or "").strip(),
        "direction": direction,
        "unit": (unit or "").strip(),
        "format": shape,
        "target": target,
        "tolerance": tolerance or None,
    }
