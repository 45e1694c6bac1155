"""A name input: the rule of its kind is checked while typing, and a valid name is suggested."""

from __future__ import annotations

from collections.abc import Container

import streamlit as st

from pilothouse.kit.names import NameRule
from pilothouse_app.components.markdown import literal


def name_input(
    rule: NameRule,
    suggestion: str,
    *,
    key: str,
    label: str = "Name",
    taken: Container[str] = (),
    taken_message: str = "",
) -> tuple[str, str]:
    """The typed name, and what is missing for it to be used; the latter is empty when nothing is.

    What is wrong is shown below the input, with a button that takes a valid name instead.
    """
    st.session_state.setdefault(key, suggestion)
    typed = st.text_input(label, live=True, key=key, help=rule.allowed.capitalize())
    name = (typed or "").strip()
    problem = taken_message if name in taken else rule.problem(name)
    if name:
        show_problem(rule, name, problem, key=key, taken=taken)
    return name, f"The name {problem}" if name and problem else problem and "Give a name first"


def show_problem(
    rule: NameRule, name: str, problem: str, *, key: str, taken: Container[str] = ()
) -> None:
    """Show what is wrong with a name, and offer the nearest valid one."""
    if not problem:
        return
    better = rule.suggest(name, taken)
    with st.container(horizontal=True, vertical_alignment="center", key=f"{key}_problem"):
        st.markdown(f":red[:material/error: The name {literal(problem)}.]")
        st.button(
            f"Use {literal(better)}",
            key=f"{key}_better",
            on_click=_use_suggestion,
            args=(key, better),
        )


def _use_suggestion(key: str, name: str) -> None:
    st.session_state[key] = name
