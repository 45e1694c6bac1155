"""Backtests of retraining: what policies would have gained and cost, and the form that runs one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from pilothouse.pipelines.backtest_results import NEVER
from pilothouse_app.components.dialogs import dialog_buttons, run_or_show_error
from pilothouse_app.components.documents import document_box
from pilothouse_app.components.header import section
from pilothouse_app.components.links import ICONS, address, go, link
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.table import name_column, number_column, table, text_column
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.pipelines.backtest_results import Backtest

CURRENT = "current policy"
# What is changed of the deployment's own policy.
PRESETS: dict[str, dict[str, Any]] = {
    CURRENT: {},
    "performance": {"triggers": ["alert"]},
    "drift": {"triggers": ["drift"]},
    "every four weeks": {"triggers": {"schedule": {"days": 28}}},
    "every eight weeks": {"triggers": {"schedule": {"days": 56}}},
}
DEFAULT = ("performance", "every four weeks")
COLUMNS = {
    "policy": name_column("Policy", width=160),
    "value": number_column("Metric", 4, width=90),
    "gain": text_column("Gain over never, 95 % interval", width=250),
    "retrainings": number_column("Retrainings", 0, width=100),
    "promoted": number_column("Better ones", 0, width=100),
    "rows": number_column("Rows trained on", 0, width=120),
    "cpu_seconds": number_column("CPU s", 1, width=80),
    "gain_per_retraining": number_column("Gain per retraining", 4),
}


def backtests_view(deployment: str) -> None:
    """The newest backtest's chart and table, and the button that runs another."""
    with st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
    ):
        section("Backtest", "what policies would have gained and cost on the labelled history")
        if st.button("Run a backtest", icon=":material/history:", key="backtest_run"):
            run_backtest(deployment)
    jobs = workspace().pipelines.backtests(deployment)
    if jobs.empty:
        st.markdown(":gray[No policy has been replayed yet.]")
        return
    newest = jobs.iloc[0]
    if newest["status"] != "succeeded":
        title = f"The newest backtest: {newest['status']}"
        link(address("job", str(newest["job"])), title, icon=ICONS["job"])
    done = jobs[jobs["status"] == "succeeded"]
    if len(done):
        _result(workspace().pipelines.backtest_result(str(done["job"].iloc[0])))


def _result(result: Backtest) -> None:
    document_box(
        chart_document(result), key=f"backtest_{result.job}", about=result.deployment, height=280
    )
    table(
        _display_frame(result.summary), COLUMNS, key="backtest_summary", ids="policy",
        alt="What each policy gained and cost",
    )  # fmt: skip
    link(address("job", result.job), "Its job", icon=ICONS["job"])


def chart_document(result: Backtest) -> dict[str, Any]:
    """A line for each policy: the metric of each window."""
    lines = []
    for policy in result.summary["policy"]:
        rows = result.windows[result.windows["policy"] == policy].dropna(subset=["value"])
        starts = [int(at.timestamp() * 1000) for at in rows["start"]]
        lines.append({"name": policy, "x": starts, "y": rows["value"].tolist()})
    return {
        "type": "line",
        "title": f"{result.title} by window under each policy",
        "x_is_time": True,
        "x_title": "Window",
        "y_title": result.title,
        "lines": lines,
    }


def _display_frame(summary: pd.DataFrame) -> pd.DataFrame:
    gains = []
    for row in summary.to_dict("records"):
        text = "" if row["policy"] == NEVER or row["gain"] is None else f"{row['gain']:+.4f}"
        if text and row["low"] == row["low"] and row["low"] is not None:
            text += f" ({row['low']:+.4f} to {row['high']:+.4f})"
        gains.append(text)
    return summary.assign(gain=gains)


@st.dialog("Run a backtest", icon=":material/history:")
def run_backtest(deployment: str) -> None:
    """Choose policies and replay the deployment's history under each."""
    st.markdown(
        "The labelled history is replayed window by window, with the labels that were known at "
        "each moment. Models are trained and thrown away: nothing is registered or proposed."
    )
    if obstacle := workspace().pipelines.reason_not_replayed(deployment):
        st.info(literal(obstacle), title="It cannot be replayed", icon=":material/info:")
        return
    names = st.multiselect(
        "Policies", list(PRESETS), default=list(DEFAULT), key="backtest_policies",
        help="Rows, limits and weights are those of the deployment's own policy",
    )  # fmt: skip
    missing = "" if names else "Choose a policy first"
    if dialog_buttons("Run", "backtest", missing=missing):
        run_or_show_error(lambda: _start(deployment, names))


def _start(deployment: str, names: list[str]) -> None:
    pipelines = workspace().pipelines
    own = pipelines.retraining_policy(deployment).to_json()
    job = pipelines.backtest(deployment, {name: own | PRESETS[name] for name in names})
    toast_next("Backtest started")
    go(address("job", job))
