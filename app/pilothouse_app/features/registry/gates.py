"""Gates in the registry: the verdicts of a version, and the rules before each stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from pilothouse.registry.gates import gates
from pilothouse_app.components.formats import DASH, number, plural, title
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.status import badge_text

if TYPE_CHECKING:
    from pilothouse.registry.gates import Verdict


ORDER = ("failed", "inconclusive", "passed")
UNFOLDED = 8  # verdicts that are drawn without folding those that passed


def gate_title(name: str) -> str:
    """A gate's title; of one that is no longer installed, its name as a title."""
    return gates.get(name).title if name in gates.names() else title(name)


def verdict_table(verdicts: Sequence[Verdict]) -> None:
    """Draw the verdicts, those that stand in the way first; of many, the others are folded up."""
    if not verdicts:
        st.markdown(":gray[No gates are configured for this stage.]")
        return
    unmet = sorted((v for v in verdicts if not v.passed), key=lambda v: ORDER.index(v.outcome))
    passed = [verdict for verdict in verdicts if verdict.passed]
    if len(verdicts) <= UNFOLDED:
        _verdict_rows([*unmet, *passed])
        return
    if unmet:
        _verdict_rows(unmet)
    if passed:
        with st.expander(f"{plural(len(passed), 'gate')} passed", expanded=not unmet):
            _verdict_rows(passed)


def _verdict_rows(verdicts: Sequence[Verdict]) -> None:
    rows = [
        {
            "Gate": gate_title(verdict.gate),
            "Verdict": badge_text(verdict.outcome),
            "Value": _with_unit(verdict.gate, verdict.figure),
            "Limit": _with_unit(verdict.gate, verdict.limit),
            "Explanation": literal(verdict.message),
        }
        for verdict in verdicts
    ]
    st.table(pd.DataFrame(rows), border="horizontal", hide_index=True, alt="Verdicts of the gates")


def verdict_summary(verdicts: Sequence[Verdict]) -> str:
    """In one line: how many gates passed or failed."""
    failing = [verdict for verdict in verdicts if not verdict.passed]
    if not failing:
        return f"{plural(len(verdicts), 'gate')} passed"
    return f"{len(failing)} of {plural(len(verdicts), 'gate')} not passed"


def _with_unit(name: str, value: float | None) -> str:
    unit = gates.get(name).unit if name in gates.names() else ""
    if value is None:
        return DASH
    if unit and value != int(value):  # of a measured amount, more digits say nothing
        return f"{number(value, 1 if abs(value) >= 10 else 3)} {unit}"
    return f"{gate_number(value)} {unit}".strip()


def gate_number(value: float | None) -> str:
    """A value or limit of a gate: whole numbers without decimals."""
    if value is None:
        return DASH
    return number(value, 0 if value == int(value) else 4)


def left_out_line(left_out: Mapping[str, str]) -> None:
    """Which gates are not asked for, and why; nothing when none is left out."""
    by_reason: dict[str, list[str]] = {}
    for gate, reason in left_out.items():
        by_reason.setdefault(reason, []).append(gate_title(gate))
    for reason, titles in by_reason.items():
        st.markdown(f":gray[Left out: {literal(', '.join(titles))}, for {literal(reason)}.]")
