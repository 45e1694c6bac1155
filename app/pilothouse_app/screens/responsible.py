"""Responsible use of a version: whom it treats how, and why it answers what it does."""

from __future__ import annotations

import streamlit as st

from pilothouse.kit.errors import Invalid
from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.filters import filter_bar, switch
from pilothouse_app.components.formats import title
from pilothouse_app.components.header import header
from pilothouse_app.components.links import address, link, query_param, screen
from pilothouse_app.components.live import refresh_when_changed
from pilothouse_app.components.screen import Screen
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.explanations.fairness_view import fairness_view
from pilothouse_app.features.explanations.job_progress import explained_state
from pilothouse_app.features.explanations.model_view import model_view
from pilothouse_app.features.explanations.what_if import what_if_view

SCREEN = Screen(
    title="Responsible use",
    path="responsible",
    icon=":material/balance:",
    summary="Fairness, explanations and what-if of a version",
    parent="registry",
)
VIEWS = ("fairness", "explanations", "what_if")


def render() -> None:
    """The version that the address names."""
    model, _, number = query_param("ref").rpartition("@")
    if not model:
        back = ("Registry", screen("registry"))
        with header("Responsible use", back=back):
            pass
        empty("Which version?", "The address names none.", to=("Open the registry", back[1]))
        return
    if not number.isdigit():
        raise Invalid(f"{number!r} is not a version number.")
    version = workspace().registry.version(model, int(number))
    back = (f"{model} {version.version}", address("version", version.ref))
    with header("Responsible use", note=f"{model} {version.version}", back=back):
        link(
            screen("version", ref=version.ref, version_view=title("card")),
            "Model card",
            icon=":material/description:",
        )
    with filter_bar():
        view = switch("responsible_view", VIEWS, "Show", format_func=title)
    refresh_when_changed(lambda: explained_state(version.ref), key="responsible_changes")
    if view == "fairness":
        fairness_view(version)
    elif view == "explanations":
        if not version.signature.is_described:
            text = "Describe its inputs and its answer on the version's page first."
            empty("What it answers is not known", text, icon=":material/help:")
            return
        model_view(version)
    else:
        what_if_view(version)
    st.space("small")
