"""What a candidate is judged by: the criteria with their limits, as a form."""

from __future__ import annotations

from typing import Any

import streamlit as st

from pilothouse.deployments.analysis.criteria import criteria
from pilothouse.deployments.analysis.criteria.disagreement import KIND as DISAGREEMENT
from pilothouse.deployments.analysis.judge import MIN_REQUESTS
from pilothouse_app.components.parameter_form import parameter_fields

DECIDES, SHOWN, OFF = "Decides", "Only shown", "Off"


def analysis_form(settings: dict[str, Any], *, pairs: bool) -> dict[str, Any]:
    """The settings of an analysis; empty for the defaults.

    `pairs`: whether answers can be compared pair by pair, as with copies of requests.
    """
    kinds = [kind for kind in criteria.names() if pairs or kind != DISAGREEMENT]
    defaults = st.toggle(
        "Every criterion with its own limits", not settings, key="analysis_defaults"
    )
    if defaults:
        lines = [f"- **{criteria.get(k).title}.** {criteria.get(k).description}" for k in kinds]
        st.markdown("\n".join(lines).replace("`limit`", "its limit").replace("`", ""))
        return {}
    requests = st.number_input(
        "Requests of each version before a verdict",
        1,
        1_000_000,
        int(settings.get("min_requests", MIN_REQUESTS)),
        key="analysis_requests",
        width=300,
    )
    before = {one["kind"]: one for one in settings.get("criteria", ())}
    chosen = [_criterion(kind, before.get(kind), new=not before) for kind in kinds]
    used = [one for one in chosen if one is not None]
    return {"criteria": used, "min_requests": int(requests)}


def _criterion(kind: str, before: dict[str, Any] | None, *, new: bool) -> dict[str, Any] | None:
    """The row of one criterion; None for one that is off."""
    criterion = criteria.get(kind)
    mode = OFF if before is None and not new else DECIDES
    if before is not None and before.get("dry_run"):
        mode = SHOWN
    with st.container(border=True, key=f"criterion_{kind}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{criterion.title}**", help=criterion.description)
            chosen = st.segmented_control(
                criterion.title,
                [DECIDES, SHOWN, OFF],
                default=mode,
                required=True,
                label_visibility="collapsed",
                key=f"criterion_{kind}_mode",
            )
        if chosen == OFF:
            return None
        values = (before or {}).get("params") or {}
        params = parameter_fields(criterion.parameters, values, key=f"criterion_{kind}")
    return {"kind": kind, "params": params, "dry_run": chosen == SHOWN}
