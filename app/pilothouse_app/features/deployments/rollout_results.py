"""What was found of a rollout: both versions side by side, and the looks before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from pilothouse.deployments.analysis.criteria import criteria
from pilothouse_app.components.formats import DASH, ago, title
from pilothouse_app.components.header import section
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.status import badge_text
from pilothouse_app.components.table import (
    number_column,
    status_column,
    table,
    text_column,
    when_column,
)

if TYPE_CHECKING:
    from pilothouse.deployments.rollouts.rollout_info import RolloutAnalysisInfo, RolloutInfo

COMPARISON = "comparison"
MAX_LOOKS = 50
RESULTS = {
    "compared": text_column("Compared", width=140),
    "outcome": status_column("Outcome", width=104),
    "stable": text_column("Stable", width=84),
    "candidate": text_column("Candidate", width=84),
    "interval": text_column("Interval", width=140, help="It holds however often one looks"),
    "limit": text_column("Limit", width=80),
    "message": text_column("In words"),
}
LOOKS = {
    "at": when_column("When (UTC)", relative=False, width=150),
    "step": number_column("Step", 0, width=52),
    "kind": text_column("Look", width=110),
    "outcome": status_column("Outcome", width=110),
    "message": text_column("In words"),
}


def newest_results(rollout: RolloutInfo) -> None:
    """The newest comparison, a table for each candidate."""
    newest = next((a for a in rollout.analyses if a.kind == COMPARISON), None)
    if newest is None:
        section("Comparison", "none yet: it needs requests to both versions")
        return
    for verdict in newest.verdicts:
        note = f"version {verdict['version']} beside {rollout.stable_version}, {ago(newest.at)}"
        section("Comparison", note)
        st.markdown(f"{badge_text(verdict['outcome'])} {literal(verdict['message'])}")
        with_data = [one for one in verdict["results"] if one.get("has_data", True)]
        rows = [_row(result) for result in with_data]
        if rows:
            table(
                pd.DataFrame(rows), RESULTS, key=f"rollout_results_{verdict['version']}",
                alt=f"Version {verdict['version']} beside the stable one",
            )  # fmt: skip

        without = [one for one in verdict["results"] if one not in with_data]
        if without:
            titles = [f"{criteria.get(r['criterion']).title} ({r['message']})" for r in without]
            st.markdown(f":gray[Nothing to compare: {literal(', '.join(titles))}.]")


def looks(analyses: Sequence[RolloutAnalysisInfo]) -> None:
    """Every look at a rollout, the newest first."""
    if not analyses:
        return
    section("Every look", "the newest first")
    rows = [
        {
            "at": analysis.at,
            "step": analysis.step,
            "kind": title(analysis.kind),
            "outcome": analysis.outcome,
            "message": analysis.message,
        }
        for analysis in analyses[:MAX_LOOKS]
    ]
    table(pd.DataFrame(rows), LOOKS, key="rollout_looks", alt="Looks at the rollout")


def _row(result: Mapping[str, Any]) -> dict[str, Any]:
    criterion = criteria.get(result["criterion"])
    limit = next((p for p in criterion.parameters if p.name == "limit"), None)
    as_share = limit is not None and limit.high == 1.0

    def figure(name: str) -> str:
        value = result.get(name)
        if value is None:
            return DASH
        return f"{value * 100:.3g} %" if as_share else f"{value:.4g}"

    return {
        "compared": criterion.title + (" (shown only)" if result.get("dry_run") else ""),
        "outcome": result["outcome"],
        "stable": figure("stable"),
        "candidate": figure("candidate"),
        "interval": _interval(figure("low"), figure("high")),
        "limit": figure("limit"),
        "message": result["message"],
    }


def _interval(low: str, high: str) -> str:
    """Both ends, or the one that is bounded."""
    if DASH in (low, high):
        return DASH if low == high else f"at least {low}" if high == DASH else f"at most {high}"
    return f"{low} to {high}"
