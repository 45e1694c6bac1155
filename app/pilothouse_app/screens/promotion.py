"""One promotion: the request, the frozen evidence, the gate results, and the decision."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from pilothouse.comparison.agreement import DIFFERS, SAME, compare_values
from pilothouse.pipelines.paired_interval import interval_text
from pilothouse.registry.overrides import unmet
from pilothouse.registry.tables import ACCEPTED, PRODUCTION
from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.formats import DASH, ago, when
from pilothouse_app.components.header import facts, header, section
from pilothouse_app.components.links import address, compare, link, query_param, screen
from pilothouse_app.components.live import refresh_when_changed
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.screen import Screen
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.attention.assign import assignee_choice
from pilothouse_app.features.comments.thread import comment_thread
from pilothouse_app.features.deployments.launch import launch_button
from pilothouse_app.features.experiments.formatting import (
    main_metrics,
    message_text,
    metric_title,
    metric_value,
)
from pilothouse_app.features.governance.outcomes import outcome_section
from pilothouse_app.features.registry.gates import ORDER, gate_title, verdict_summary, verdict_table
from pilothouse_app.features.registry.measure import measure_line
from pilothouse_app.features.registry.overrides import (
    override_button,
    overrides_block,
    overrides_of_promotion,
)
from pilothouse_app.features.registry.promote import consequence, current_evaluation, decide_buttons
from pilothouse_app.features.registry.votes import vote_consequence, votes_section

if TYPE_CHECKING:
    from pilothouse.registry.info import PromotionInfo
    from pilothouse.registry.policy import GateDecision

SPELLED_OUT = 3  # gates in the way whose words are given in the warning
SCREEN = Screen(
    title="Promotion",
    path="promotion",
    icon=":material/how_to_vote:",
    summary="One request to move a version up",
    parent="registry",
)
# Metrics that no held-out row was needed for, and figures that are of no rows.
_OF_TRAINING = re.compile(r"(train|training|cv|oob)(?![a-z])")
_OF_NO_ROWS = re.compile(r"_(seconds|bytes)$")


def render() -> None:
    """The promotion the address names."""
    promotion_id = query_param("id")
    back = ("Registry", screen("registry"))
    if not promotion_id:
        with header("Promotion", back=back):
            pass
        empty("Which promotion?", "The address names none.", to=("Open the registry", back[1]))
        return

    promotion = workspace().registry.promotion(promotion_id)
    title = f"{promotion.model} {promotion.version} to {promotion.stage}"
    with header(title, status=promotion.status, back=back):
        _commands(promotion)

    if promotion.status == "pending":
        refresh_when_changed(
            lambda: _state(promotion_id),
            key="promotion_changes",
            message="This promotion was decided elsewhere",
        )

    _links(promotion)
    if promotion.status == "pending":
        assignee_choice("promotion", promotion.id)
    _request(promotion)
    if (promotion.status, promotion.stage) == (ACCEPTED, PRODUCTION):
        outcome_section(promotion.id)
    left, right = st.columns([45, 55], gap="medium")
    with left:
        _evidence(promotion)
        votes_section(promotion)
    with right:
        overrides_block(overrides_of_promotion(promotion.id))
        _gates(promotion)
    comment_thread("promotion", promotion.id)


def _commands(promotion: PromotionInfo) -> None:
    """To vote and to override while it waits; to deploy what was accepted."""
    if promotion.status == "pending":
        override_button(promotion, current_evaluation(promotion).verdicts)
        decide_buttons(promotion)
        return
    overrides = overrides_of_promotion(promotion.id)
    if any(item.standing for item in overrides):
        override_button(promotion, promotion.newest_verdicts)
    if promotion.of_deleted:
        return
    version = workspace().registry.version(promotion.model, promotion.version)
    if promotion.status == "accepted" and version.stage == promotion.stage:
        launch_button(promotion.model, promotion.version, primary=True)


def _state(promotion_id: str) -> object:
    """What the buttons and the votes of the page are drawn for."""
    registry = workspace().registry
    return (
        registry.promotion(promotion_id).status,
        len(registry.votes(promotion_id).votes),
        len(registry.overrides(promotion=promotion_id)),
    )


def _links(promotion: PromotionInfo) -> None:
    candidate, champion = _sides(promotion)
    runs = [str(side["run"]) for side in (champion, candidate) if side.get("run")]
    with st.container(horizontal=True, vertical_alignment="center"):
        if promotion.of_deleted:
            st.markdown(f":gray[{literal(promotion.ref)} was deleted; the decision is kept]")
        else:
            link(address("version", promotion.ref), promotion.ref, icon=":material/deployed_code:")
        if champion:
            ref = str(champion["version"])
            link(address("version", ref), f"Champion then: {ref}", icon=":material/trophy:")
        if len(runs) == 2:
            link(compare(runs, runs[0]), "Compare the runs", icon=":material/compare_arrows:")
        policy = promotion.newest_policy
        if policy is not None and policy["version"]:
            link(address("policy", policy["name"]), policy["name"], icon=":material/rule:")
        if candidate.get("dataset"):
            data = str(candidate["dataset"])
            link(address("dataset", data), data, icon=":material/table_view:")


def _sides(promotion: PromotionInfo) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    return promotion.evidence["candidate"], promotion.evidence.get("champion") or {}


def _request(promotion: PromotionInfo) -> None:
    origins = {"retraining": "a retraining", "pipeline": "a pipeline"}
    origin = origins.get(promotion.origin, literal(promotion.requested_by))
    facts(
        {
            "Requested": f"{ago(promotion.requested_at)} by {literal(origin)}",
            "Reason": literal(message_text(promotion.reason)),
            "Evidence": f"`{promotion.evidence_hash[:12]}`",
            "Policy": _policy(promotion),
        }
    )

    if promotion.status == "pending":
        _outlook(promotion)
        return

    decision = f"{when(promotion.decided_at)} by {literal(promotion.decided_by)}"
    reason = f"  \n{literal(promotion.decision_reason)}" if promotion.decision_reason else ""
    st.markdown(f"**{promotion.status.capitalize()}** :gray[{decision}]{reason}")


def _policy(promotion: PromotionInfo) -> str:
    """Which policy judged, with its version and the digest of its content."""
    policy = promotion.newest_policy
    if policy is None:
        return DASH
    version = f" version {policy['version']}" if policy["version"] else " (built-in)"
    return f"{literal(policy['name'])}{version} `{policy['digest'][:12]}`"


def _outlook(promotion: PromotionInfo) -> None:
    """What accepting would do, or why it cannot be accepted now."""
    now = current_evaluation(promotion)
    if unmet(now.verdicts, overrides_of_promotion(promotion.id)):
        st.warning(
            _unmet_text(now),
            title="The gates would not pass now",
            icon=":material/block:",
        )
        return
    version = workspace().registry.version(promotion.model, promotion.version)
    effect = vote_consequence(promotion) or consequence(version, promotion.stage)
    st.info(effect, title="If you accept", icon=":material/info:")


def _unmet_text(decision: GateDecision) -> str:
    """What stands in the way: the words of a few gates, of more their names by verdict."""
    unmet = [verdict for verdict in decision.verdicts if not verdict.passed]
    if len(unmet) <= SPELLED_OUT:
        return f"{literal(message_text(decision.message))}."
    parts = []
    for outcome in ORDER[:-1]:
        titles = [gate_title(verdict.gate) for verdict in unmet if verdict.outcome == outcome]
        if titles:
            parts.append(f"**{outcome.capitalize()}**: {literal(', '.join(titles))}.")
    return "  \n".join(parts)


def _evidence(promotion: PromotionInfo) -> None:
    compared = promotion.evidence.get("comparison")
    if compared:
        section("On the same rows", literal(str(compared["rows"])))
        table = _metric_table(compared["candidate"], compared["champion"], promotion)
        st.table(table, border="horizontal", hide_index=True, alt="Metrics on same rows")
        if interval := compared.get("interval"):
            st.markdown(
                f"{metric_title(str(interval['metric']))}: {literal(interval_text(interval))}"
            )
    candidate, champion = _sides(promotion)
    metrics = champion.get("metrics") or {}
    section("On their own held-out rows", "as their runs measured them")
    table = _metric_table(candidate["metrics"], metrics, promotion)
    keys = _keys(candidate["metrics"])
    table["Rows"] = [_rows(key, candidate, champion) if key in metrics else DASH for key in keys]
    st.table(table, border="horizontal", hide_index=True, alt="Metrics on own rows")


def _rows(key: str, candidate: Mapping[str, Any], champion: Mapping[str, Any]) -> str:
    """Whether the two values of a metric were measured on the same rows."""
    if _OF_NO_ROWS.search(key):
        return DASH
    if _OF_TRAINING.match(key):
        return "not held out"
    state = compare_values([candidate.get("held_out"), champion.get("held_out")])
    return {SAME: "the same", DIFFERS: "different"}.get(state, "unknown")


def _keys(metrics: Mapping[str, float]) -> list[str]:
    return main_metrics(list(metrics), most=8)


def _metric_table(
    candidate: Mapping[str, float],
    champion: Mapping[str, float],
    promotion: PromotionInfo,
) -> pd.DataFrame:
    rows = [
        {
            "Metric": metric_title(key),
            f"Version {promotion.version}": metric_value(key, candidate[key]),
            "Champion": metric_value(key, champion[key]) if key in champion else DASH,
        }
        for key in _keys(candidate)
    ]
    return pd.DataFrame(rows)


def _gates(promotion: PromotionInfo) -> None:
    later, when_said = promotion.decision_verdicts, "Gate results at the decision"
    if promotion.status == "pending":
        later, when_said = current_evaluation(promotion).verdicts, "Gate results now"
    if later is not None:
        same = later == promotion.verdicts
        section(when_said, verdict_summary(later) + (", same as when requested" if same else ""))
        if promotion.status == "pending":
            version = workspace().registry.version(promotion.model, promotion.version)
            measure_line(version, promotion.stage, key="promotion_measure")
        verdict_table(later)
        if same:
            return
    section("Gate results when requested", verdict_summary(promotion.verdicts))
    verdict_table(promotion.verdicts)
