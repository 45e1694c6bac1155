"""Votes on a promotion: who voted what, whose vote counts, and what is still needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from pilothouse_app.components.formats import ago, plural
from pilothouse_app.components.header import section
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.workspace import workspace

if TYPE_CHECKING:
    from pilothouse.registry.info import PromotionInfo
    from pilothouse.registry.votes import Tally


def votes_section(promotion: PromotionInfo) -> None:
    """The votes, and of a promotion that waits what it still needs."""
    tally = workspace().registry.votes(promotion.id)
    section("Votes", literal(tally.message))
    if promotion.status == "pending":
        st.markdown(_needed(promotion, tally))
    if tally.votes:
        rows = [
            {
                "Person": vote.person,
                "Vote": "approves" if vote.approve else "rejects",
                "Counts": "yes" if vote.counts else f"no: {vote.objection}",
                "When": ago(vote.at),
                "Comment": vote.comment,
            }
            for vote in tally.votes
        ]
        st.table(pd.DataFrame(rows), border="horizontal", hide_index=True, alt="Votes")


def vote_consequence(promotion: PromotionInfo) -> str:
    """What an approval by the person of this browser does: a sentence; empty when it decides."""
    registry = workspace().registry
    tally, objection = registry.votes(promotion.id), registry.vote_objection(promotion.id)
    if objection:
        return f"Your vote is kept and does not count: {literal(workspace().store.actor)} " + (
            f"{literal(objection)}."
        )
    left = tally.missing - (0 if workspace().store.actor in tally.approved_by else 1)
    if left > 0:
        return f"After your vote {plural(left, 'more approval')} {_is(left)} needed."
    return ""


def _is(count: int) -> str:
    return "is" if count == 1 else "are"


def _needed(promotion: PromotionInfo, tally: Tally) -> str:
    if tally.alone:
        return "One person decides here: one approval is enough."
    sentence = f"{plural(tally.missing, 'more approval')} {_is(tally.missing)} needed"
    if tally.four_eyes:
        asker = literal(promotion.requested_by)
        sentence += f", by others than {asker}, who asked, and the author of the version"
    return f"{sentence}. A rejection ends it."
