"""What a policy says of the versions that there are: a row for each, a column for each gate."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from pilothouse_app.components.formats import DASH, plural
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.status import badge_text
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.registry.gates import gate_number, gate_title

if TYPE_CHECKING:
    from pilothouse.registry.gates import Verdict
    from pilothouse.registry.policy import Policy
    from pilothouse.registry.policy_dry_run import JudgedVersion

SIZE = 20


def dry_run_table(policy: Policy) -> None:
    """Draw it; nothing is stored. Raises Invalid for a draft with faults."""
    judged = workspace().policies.judge(policy, size=SIZE)
    if not judged:
        st.markdown(":gray[No version of these models is there to be judged.]")
        return
    passing = sum(item.passes for item in judged)
    today = sum(item.passes_today for item in judged)
    st.markdown(
        f"**{passing} of {plural(len(judged), 'version')}** would pass; "
        f"today {today} do. :gray[Value (limit) of each gate, from stored evidence.]"
    )
    st.table(
        pd.DataFrame([_row(item) for item in judged]).fillna(DASH),
        border="horizontal",
        hide_index=True,
        alt="What the policy would say",
    )


def _row(item: JudgedVersion) -> dict[str, str]:
    row = {
        "Version": literal(f"{item.model} {item.version}"),
        "Today": badge_text("passed" if item.passes_today else "failed"),
    }
    counts = Counter(verdict.gate for verdict in item.verdicts)
    places: Counter[str] = Counter()
    for verdict in item.verdicts:
        places[verdict.gate] += 1
        label = gate_title(verdict.gate)
        if counts[verdict.gate] > 1:  # a gate may be there for several metrics
            label += f" ({places[verdict.gate]})"
        row[label] = _cell(verdict)
    return row


def _cell(verdict: Verdict) -> str:
    figures = ""
    if verdict.figure is not None:
        figures = gate_number(verdict.figure)
        figures += f" ({gate_number(verdict.limit)})" if verdict.limit is not None else ""
    return f"{badge_text(verdict.outcome)} {figures}".strip()
