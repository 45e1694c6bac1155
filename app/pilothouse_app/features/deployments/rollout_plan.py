"""The plan of a rollout before it starts: its steps, and whether the traffic suffices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from pilothouse_app.components.formats import duration
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.table import number_column, status_column, text_column

if TYPE_CHECKING:
    from pilothouse.deployments.rollouts.rollout_info import (
        RolloutPreview,
        RolloutStepInfo,
        VariantShare,
    )

STEPS = {
    "number": number_column("Step", 0, width=50),
    "title": text_column("What", width=180),
    "shares": text_column("Requests", width=240),
    "needs": text_column("Over when"),
}
STATES = {"state": status_column("State", width=90)}


def plan_view(preview: RolloutPreview) -> None:
    """Steps, notes, refusals, and a warning where the traffic is too little for a verdict."""
    steps = [f"{step.number}. {_sentence(step)}" for step in preview.steps]
    steps.append(f"{len(steps) + 1}. {_end(preview)}")
    lines = [*preview.notes, *(preview.traffic.messages if preview.traffic else ())]
    with st.container(border=True, key="rollout_plan"):
        st.markdown("\n".join(steps))
    st.markdown("\n".join(f"- {literal(line)}" for line in lines))
    for refusal in preview.refusals:
        st.error(literal(refusal), icon=":material/block:")


def steps_frame(steps: Sequence[RolloutStepInfo]) -> pd.DataFrame:
    """One row a step."""
    rows = [
        {
            "number": step.number,
            "title": step.title,
            "state": step.state,
            "shares": ", ".join(filter(None, map(share_text, step.shares))),
            "needs": _needs(step),
        }
        for step in steps
    ]
    return pd.DataFrame(rows)


def _sentence(step: RolloutStepInfo) -> str:
    shares = ", ".join(filter(None, map(share_text, step.shares)))
    return f"**{literal(step.title)}**: {shares}; until {_needs(step)}."


def _end(preview: RolloutPreview) -> str:
    if not preview.replaces:
        return f"**End**: version {preview.stable_version} stays and gets every request."
    if len(preview.candidates) > 1:
        return "**End**: a person says which version stays."
    return (
        f"**End**: version {preview.candidates[0]} gets every request, and version "
        f"{preview.stable_version} stays warm for a rollback within a second."
    )


def share_text(share: VariantShare) -> str:
    """What a version gets: `version 2: 5 %`; empty for nothing."""
    parts = [f"{share.percent:g} %"] if share.percent else []
    parts += [f"copies of {share.copies:g} %"] if share.copies else []
    parts += ["by name only"] if share.preview and not parts else []
    return f"version {share.version}: {', '.join(parts)}" if parts else ""


def _needs(step: RolloutStepInfo) -> str:
    parts = ["its processes are ready"] if not step.analysis else []
    parts += ["it answers the example"] if step.smoke_test else []
    parts += [f"{duration(step.seconds)} have passed"] if step.seconds else []
    parts += ["the comparison passes"] if step.analysis else []
    parts += ["a person agrees"] if step.approval else []
    return ", ".join(parts)
