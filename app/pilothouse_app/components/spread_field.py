"""Where the parts of a job run: a choice, once there is more than one place."""

from __future__ import annotations

import streamlit as st

from pilothouse_app.components.markdown import literal
from pilothouse_app.components.workspace import workspace


def spread_field(key: str) -> str:
    """The name of the chosen backend; "" leaves it to the settings.

    Only places that are ready are offered; of one that has an address, what lacks is said.
    """
    infos = workspace().jobs.backends()
    ready = {info.name: info for info in infos if info.is_ready}
    default = next((info.name for info in infos if info.is_default), "")
    chosen = ""
    if len(ready) > 1 or default not in ready:
        names = list(ready)
        chosen = st.selectbox(
            "Spread the work over",
            names,
            index=names.index(default) if default in ready else 0,
            format_func=lambda name: ready[name].title,
            key=key,
            help="Results are the same wherever the fits and blocks of rows run.",
        )
    for info in infos:
        if info.address and not info.is_ready:
            st.caption(f"{literal(info.title)} is not installed: `{info.lacks}`")
    return chosen
