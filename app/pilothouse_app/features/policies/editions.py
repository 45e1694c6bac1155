"""The built-in policy: which edition holds, the change to the other one, and what it asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pilothouse.models.tasks import tasks
from pilothouse.registry.default_gates import BASIC, RECOMMENDED
from pilothouse.registry.tables import PRODUCTION
from pilothouse_app.components.confirm import confirm
from pilothouse_app.components.workspace import workspace

if TYPE_CHECKING:
    from pilothouse.registry.policy import PolicyInfo

EFFECT = {
    RECOMMENDED: "Before production, versions that no policy of your own is for meet more gates, "
    "by the kind of model: calibration, the worst slice, leakage, latency and others. What they "
    "need is measured when a promotion is asked for. Versions that are in production stay there.",
    BASIC: "Before production, versions that no policy of your own is for meet four gates that "
    "need no measurement. Versions that are in production stay there.",
}


def edition_notice() -> None:
    """Offer the recommended edition to a workspace that has the basic one."""
    if workspace().policies.edition() == RECOMMENDED:
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center",
                      horizontal_alignment="distribute"):  # fmt: skip
        st.markdown(
            "**The built-in policy is the basic one.** The recommended one asks more before "
            "production, by the kind of model."
        )
        edition_button(RECOMMENDED)


def edition_button(edition: str) -> None:
    """The button that changes the built-in policy, which asks for a reason."""
    if st.button(f"Use the {edition} one", icon=":material/rule_settings:", key="policy_edition"):
        confirm(
            f"Use the {edition} built-in policy",
            EFFECT[edition],
            verb="Use it",
            command=lambda reason: workspace().policies.use_edition(edition, reason),
            done=f"The built-in policy is the {edition} one",
        )


def other_edition() -> str:
    """The edition that does not hold."""
    return BASIC if workspace().policies.edition() == RECOMMENDED else RECOMMENDED


def built_in_of_kind(stage: str) -> PolicyInfo:
    """The built-in policy before a stage, of the kind of model that a person chooses where it
    depends on it."""
    policies = workspace().policies
    if stage != PRODUCTION or policies.edition() == BASIC:
        return policies.built_in(stage)
    left, right = st.columns([2, 3], vertical_alignment="bottom")
    task = left.selectbox(
        "Kind of model", tasks.names(), format_func=lambda name: tasks.get(name).title,
        key="policy_task",
    )  # fmt: skip
    elsewhere = right.toggle("Trained elsewhere", key="policy_elsewhere")
    return policies.built_in(stage, str(task), elsewhere=elsewhere)
