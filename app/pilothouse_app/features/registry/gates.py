"""What gates said: one row a gate, its verdict, the figure and the limit it was held against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from pilothouse_app.components.diff import literal
from pilothouse_app.components.formats import DASH, number, plural, title
from pilothouse_app.components.status import badge_text
from pilothouse_app.components.workspace import workspace

if TYPE_CHECKING:
    from pilothouse.registry.gates import Verdict

STAGES = ("staging", "production")
GATES = {
    "metric_threshold": "Metric reaches its threshold",
    "beats_champion": "Not worse than the champion",
    "has_contract": "Schema contract present",
}


def gate_words(gate: str) -> str:
    """A gate's name as a reader says it."""
    return GATES.get(gate, title(gate))


def verdict_table(verdicts: Sequence[Verdict]) -> None:
    """Draw the verdicts; a gate that cannot tell is not one that lets through."""
    if not verdicts:
        st.markdown(":gray[No gate stands before this stage.]")
        return
    rows = [
        {
            "Gate": gate_words(verdict.gate),
            "Verdict": badge_text(verdict.outcome),
            "Figure": figure_text(verdict.figure),
            "Limit": figure_text(verdict.limit),
            "In words": literal(verdict.message),
        }
        for verdict in verdicts
    ]
    st.table(pd.DataFrame(rows), border="horizontal", hide_index=True, alt="Verdicts of the gates")


def gate_rules() -> None:
    """Which gates stand before which stage, with their parameters."""
    with st.grid(2, gap="medium", min_column_width=320):
        for stage in STAGES:
            with st.container(border=True, height="stretch", key=f"gates_{stage}"):
                st.markdown(f"**Before {stage}**")
                rows = [
                    {"Gate": gate_words(rule.gate), "With": _params(rule.params)}
                    for rule in workspace().registry.gates(stage)
                ]
                if rows:
                    st.table(
                        pd.DataFrame(rows),
                        border="horizontal",
                        hide_index=True,
                        hide_header=True,
                        alt=f"Gates before {stage}",
                    )
                else:
                    st.markdown(":gray[No gate]")


def _params(params: Mapping[str, Any]) -> str:
    words = [f"{title(name)} {_param(value)}" for name, value in params.items()]
    return ", ".join(words) or "every input of the model"


def _param(value: Any) -> str:
    return title(value) if isinstance(value, str) else f"{value:g}"


def verdict_words(verdicts: Sequence[Verdict]) -> str:
    """In one line: how many gates stand in the way."""
    standing = [verdict for verdict in verdicts if not verdict.passed]
    if not standing:
        return f"{plural(len(verdicts), 'gate')} passed"
    return f"{plural(len(standing), 'gate')} of {len(verdicts)} in the way"


def figure_text(value: float | None) -> str:
    """A figure or limit of a gate: counts without decimals."""
    if value is None:
        return DASH
    return number(value, 0 if value == int(value) else 4)
