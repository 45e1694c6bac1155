"""Retraining of a deployment: its policy and form, the request that waits, what triggers led to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from pilothouse.pipelines.retraining_decisions import ASKED
from pilothouse.pipelines.retraining_policy import MODES, ROWS, SINCE, WEEKS
from pilothouse.pipelines.triggers import triggers
from pilothouse_app.components.confirm import confirm
from pilothouse_app.components.dialogs import dialog_buttons, reason_input, run_or_show_error
from pilothouse_app.components.formats import count, share, title
from pilothouse_app.components.header import facts, section
from pilothouse_app.components.links import address, go
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.optional_number import optional_number
from pilothouse_app.components.parameter_form import parameter_fields
from pilothouse_app.components.table import status_column, table, text_column, when_column
from pilothouse_app.components.table_height import limited_height
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.pipelines.backtests import backtests_view

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.pipelines.retraining_policy import RetrainingPolicy

MODE_TITLES = {
    "auto": "Start by itself",
    "propose": "Ask a person first",
    "off": "Off",
}
ROWS_TITLES = {"weeks": "The last weeks", "since": "Everything since a date", "all": "Everything"}
MAX_ROWS = 6  # of the decisions, before they scroll
COLUMNS = {
    "at": when_column("When", width=110),
    "outcome": status_column("Outcome", width=96),
    "trigger": text_column("Trigger", width=110),
    "reason": text_column("It asked because"),
    "why": text_column("Why not, or who decided"),
}


def retraining_view(deployment: str) -> None:
    """The policy, the request that waits for an answer, and the decisions."""
    policy = workspace().pipelines.retraining_policy(deployment)
    retraining_request(deployment)
    with st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
    ):
        section("Retraining policy", "the result is only proposed, whatever the policy")
        if st.button("Change policy", icon=":material/tune:", key="policy_change"):
            change_policy(deployment)
    facts(_policy_facts(policy))
    _triggers(policy)
    _decisions(deployment)
    backtests_view(deployment)


def _policy_facts(policy: RetrainingPolicy) -> dict[str, str]:
    budget, half_life = policy.monthly_budget, policy.half_life_days
    return {
        "Mode": MODE_TITLES[policy.mode],
        "Rows": policy.rows_text,
        "Half-life": f"{half_life:g} days" if half_life else "",
        "Compared on": f"the newest {policy.held_out_days} days",
        "Needs": f"{count(policy.min_rows)} labelled rows"
        + (
            f", {share(policy.min_labelled_share, 0)} labelled" if policy.min_labelled_share else ""
        ),
        "Cool-down": f"{policy.cooldown_days:g} days" if policy.cooldown_days else "none",
        "Budget": f"{budget} a month" if budget else "no limit",
    }


def _triggers(policy: RetrainingPolicy) -> None:
    lines = []
    for name in policy.triggers:
        trigger = triggers.get(name)
        params = policy.parameters_of(name)
        labels = {parameter.name: parameter.label for parameter in trigger.parameters}
        values = ", ".join(f"{labels[key].lower()} {value:,g}" for key, value in params.items())
        named = f"**{trigger.title}** ({values})" if values else f"**{trigger.title}**"
        lines.append(f"- {named}: {trigger.description}")
    st.markdown("\n".join(lines) or ":gray[No trigger is chosen.]")


def retraining_request(deployment: str) -> None:
    """The request that waits for an answer, and its buttons."""
    frame = workspace().pipelines.retraining_decisions(deployment)
    requests = frame[frame["outcome"] == ASKED]
    if requests.empty:
        return
    trigger, reason = requests["trigger"].iloc[0], requests["reason"].iloc[0]
    with st.container(border=True, key="retraining_asked"):
        st.markdown(
            f"**Retrain {literal(deployment)}?** {triggers.get(str(trigger)).title}: "
            f"{literal(str(reason))}. A new version is trained and compared with the champion; "
            "its promotion waits for a person."
        )
        with st.container(horizontal=True):
            start = st.button(
                "Start retraining", type="primary", icon=":material/model_training:",
                key="retraining_approve",
            )  # fmt: skip
            if st.button("Decline", icon=":material/close:", key="retraining_decline"):
                _decline(deployment)
        if start:
            run_or_show_error(lambda: _approve(deployment))


def _approve(deployment: str) -> None:
    job = workspace().pipelines.approve_retraining(deployment)
    toast_next("Retraining started")
    go(address("job", job))


def _decline(deployment: str) -> None:
    confirm(
        "Decline this retraining",
        "Nothing is trained. This trigger asks again when it fires on newer windows or labels; "
        "others still ask.",
        verb="Decline",
        command=lambda reason: workspace().pipelines.decline_retraining(deployment, reason),
        done="The retraining is declined",
        icon=":material/close:",
    )


def _decisions(deployment: str) -> None:
    frame = workspace().pipelines.retraining_decisions(deployment)
    section("What triggers led to", "also in the log of activity")
    if frame.empty:
        st.markdown(":gray[No trigger has asked for a retraining yet.]")
        return
    table(
        _display_frame(frame), COLUMNS, key="retraining_decisions",
        alt="Decisions on retrainings", opens=("", "address"),
        height=limited_height(len(frame), MAX_ROWS),
    )  # fmt: skip


def _display_frame(frame: pd.DataFrame) -> pd.DataFrame:
    names = [
        triggers.get(name).title if name in triggers.names() else title(name)
        for name in frame["trigger"]
    ]
    decided = [f"{who} decided" if who else "" for who in frame["decided_by"]]
    return frame.assign(
        trigger=names,
        why=[message or who for message, who in zip(frame["message"], decided, strict=True)],
        address=[
            f"job:{job}" if job else f"alert:{alert}" if alert else ""
            for job, alert in zip(frame["job"], frame["alert"], strict=True)
        ],
    )


@st.dialog("Change the retraining policy", width="large", icon=":material/tune:")
def change_policy(deployment: str) -> None:
    """The form of a policy, made from its settings and from what each trigger declares."""
    policy = workspace().pipelines.retraining_policy(deployment)
    settings: dict[str, Any] = {
        "mode": st.segmented_control(
            "When a trigger fires", MODES, default=policy.mode, required=True,
            format_func=lambda mode: MODE_TITLES[mode], key="policy_mode",
        ),
        "triggers": _trigger_fields(policy),
    }  # fmt: skip
    settings |= _row_fields(policy) | _limit_fields(policy)
    reason = reason_input("policy_reason")
    if dialog_buttons("Change", "policy") and run_or_show_error(
        lambda: workspace().pipelines.set_retraining_policy(deployment, reason, **settings)
    ):
        toast_next("The retraining policy is changed")
        st.rerun()


def _trigger_fields(policy: RetrainingPolicy) -> dict[str, dict[str, Any]]:
    by_name = dict(triggers.items())
    names = st.multiselect(
        "Triggers", list(by_name), default=[n for n in policy.triggers if n in by_name],
        format_func=lambda name: by_name[name].title, key="policy_triggers",
    )  # fmt: skip
    chosen = {}
    for name in names:
        trigger = by_name[name]
        st.markdown(f"**{trigger.title}** &nbsp;:gray[{trigger.description}]")
        preset = policy.triggers.get(name, {})
        chosen[name] = parameter_fields(trigger.parameters, preset, key=f"policy_{name}")
    return chosen


def _row_fields(policy: RetrainingPolicy) -> dict[str, Any]:
    section("Rows to train on")
    left, middle, right = st.columns(3, vertical_alignment="bottom")
    rows = left.selectbox(
        "Labelled predictions", ROWS, index=ROWS.index(policy.rows),
        format_func=lambda name: ROWS_TITLES[name], key="policy_rows",
    )  # fmt: skip
    settings: dict[str, Any] = {"rows": rows}
    if rows == WEEKS:
        settings["weeks"] = int(
            middle.number_input("Weeks", 1, 520, policy.weeks, key="policy_weeks")
        )
    if rows == SINCE:
        settings["since"] = middle.date_input("Since", policy.since or "today", key="policy_since")
    settings["held_out_days"] = int(
        right.number_input(
            "Newest days to compare on", 1, 366, policy.held_out_days, key="policy_held_out",
            help="They are not trained on. 8 days or more give an interval from days.",
        )
    )  # fmt: skip
    settings["half_life_days"] = optional_number(
        "Half-life of a row's weight (days)", policy.half_life_days, min_value=0.1,
        placeholder="all rows weigh the same", key="policy_half_life",
        help="A row of that age weighs half as much as the newest one; not for recipes",
    )  # fmt: skip
    return settings


def _limit_fields(policy: RetrainingPolicy) -> dict[str, Any]:
    section("Limits", "they do not hold back a person, but for the labels")
    left, right = st.columns(2)
    return {
        "cooldown_days": left.number_input(
            "Cool-down (days)", 0.0, None, float(policy.cooldown_days), key="policy_cooldown",
            help="Days since the last retraining started",
        ),
        "monthly_budget": optional_number(
            "Most retrainings a month", policy.monthly_budget, min_value=1, step=1,
            placeholder="no limit", key="policy_budget", container=right,
        ),
        "min_rows": int(
            left.number_input("Fewest labelled rows", 10, None, policy.min_rows, key="policy_min")
        ),
        "min_labelled_share": right.number_input(
            "Least labelled share of the rows", 0.0, 1.0, float(policy.min_labelled_share),
            step=0.05, key="policy_share",
        ),
    }  # fmt: skip
