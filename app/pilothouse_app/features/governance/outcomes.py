"""What became of a promotion: promised and live figure, and the decision when they disagree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from pilothouse.governance.promise import CONTRADICTED
from pilothouse_app.components.confirm import confirm
from pilothouse_app.components.formats import DASH, count, sentence, when
from pilothouse_app.components.header import section
from pilothouse_app.components.links import address, link
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.status import badge, badge_text, status_title
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.experiments.formatting import metric_title, metric_value

if TYPE_CHECKING:
    from pilothouse.governance import PromotionOutcome

RULE = (
    "Kept: the whole live interval is at least what the promise allows. Contradicted: all of it is "
    "worse. The interval holds however often it is looked at."
)


def outcome_section(promotion: str) -> None:
    """What came of a promotion to production, with its figures and what may be decided."""
    outcome = workspace().governance.outcome(promotion)
    with st.container(border=True, key="promotion_outcome"):
        with st.container(horizontal=True, vertical_alignment="center"):
            section("What came of it")
            badge(outcome.state, help=RULE)
            if outcome.needs_decision:
                _decision_buttons(outcome)
        if outcome.live is None:
            st.markdown(f":gray[{sentence(outcome.message)}.]")
            return
        st.table(_figures(outcome), border="horizontal", hide_index=True, alt="Promised and live")
        if outcome.state == CONTRADICTED:
            st.markdown(f":gray[Contradicted by the window evaluated {when(outcome.since)}]")
        if outcome.kept_at is not None:
            st.markdown(
                f"**Kept in production** :gray[{when(outcome.kept_at)} by "
                f"{literal(outcome.kept_by)}]  \n{literal(outcome.kept_reason)}"
            )


def _figures(outcome: PromotionOutcome) -> pd.DataFrame:
    promise, live, key = outcome.promise, outcome.live, outcome.metric
    assert promise is not None
    assert live is not None
    side = "at least" if promise.higher_is_better else "at most"
    promised = {
        "": "Promised",
        metric_title(key): metric_value(key, promise.figure),
        "Range": f"{side} {metric_value(key, promise.floor)}",
        "Over the champion": _gain(promise.figure, promise.champion, key),
        "Labels": DASH,
    }
    came = {
        "": "Came",
        metric_title(key): metric_value(key, live.value),
        "Range": f"{metric_value(key, live.low)} to {metric_value(key, live.high)}",
        "Over the champion": _gain(live.value, promise.champion, key),
        "Labels": f"{count(live.labels)} in {live.windows} windows",
    }
    return pd.DataFrame([promised, came])


def _gain(figure: float, champion: float | None, key: str) -> str:
    """A figure less that of the champion on the rows that promised."""
    if champion is None:
        return DASH
    gain = figure - champion
    return f"{'+' if gain > 0 else '−'}{metric_value(key, abs(gain))}"  # noqa: RUF001


def _decision_buttons(outcome: PromotionOutcome) -> None:
    what = f"{outcome.model} {outcome.version}"
    if st.button("Keep it", icon=":material/check:", key="outcome_keep"):
        confirm(
            f"Keep {what} in production",
            f"**{literal(what)}** stays in production although it is worse than promised. "
            "Your reason is kept with the promotion.",
            verb="Keep it",
            command=lambda reason: workspace().governance.keep(outcome.promotion, reason),
            done=f"{what} stays in production",
        )
    if st.button("Archive it", icon=":material/archive:", key="outcome_archive"):
        confirm(
            f"Archive {what}",
            f"**{literal(what)}** leaves production. Deployments that serve it keep running until "
            "they are rolled back or switched.",
            verb="Archive",
            command=lambda reason: workspace().registry.archive(
                outcome.model, outcome.version, reason
            ),
            done=f"{what} is archived",
            type_to_confirm=outcome.model,
        )


def outcome_line(model: str, version: int) -> None:
    """What came of the promotion that brought a version to production, in a line."""
    for outcome in workspace().governance.production_outcomes():
        if (outcome.model, outcome.version) == (model, version):
            with st.container(horizontal=True, vertical_alignment="center"):
                to = address("promotion", outcome.promotion)
                link(to, "Promise and outcome", icon=":material/how_to_vote:")
                text = literal(sentence(outcome.message))
                st.markdown(f"{badge_text(outcome.state)} :gray[{text}]")


def champion_outcomes() -> dict[str, str]:
    """The outcome of each model's champion, by model."""
    outcomes = workspace().governance.production_outcomes()
    return {outcome.model: status_title(outcome.state) for outcome in outcomes}
