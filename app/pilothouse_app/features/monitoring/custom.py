"""Custom checks on a page: their table, and the form that tries and saves one."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import streamlit as st

from pilothouse.kit.errors import PilothouseError
from pilothouse.monitoring.checks import Direction
from pilothouse.monitoring.custom_checks.spec import CustomCheckSpec, Language
from pilothouse_app.components.confirm import confirm
from pilothouse_app.components.dialogs import dialog_buttons, reason_input, run_or_show_error
from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.errors import error_box
from pilothouse_app.components.formats import number
from pilothouse_app.components.header import section
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.status import colour, status_title
from pilothouse_app.components.table import (
    name_column,
    number_column,
    table,
    text_column,
    when_column,
)
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace

if TYPE_CHECKING:
    from pilothouse.monitoring.checks import Check

LANGUAGES = {"sql": "SQL", "python": "Python"}
EXAMPLES = {
    "sql": "SELECT avg(label IS NULL) FROM window_rows",
    "python": "def check(window, reference):\n    return window['label'].isna().mean()\n",
}
DRAWS = {0: "The limits alone", 199: "Limits, and chance by 199 draws of the reference"}
COLUMNS = {
    "title": name_column("Check", width=200),
    "language": text_column("In", width=90),
    "direction": text_column("Bad lies", width=90),
    "warn": number_column("Warns", 4, width=90),
    "fail": number_column("Fails", 4, width=90),
    "draws": number_column("Draws", 0, width=76, help="Of the reference, for what chance gives"),
    "created_by": text_column("By", width=120),
    "created_at": when_column("Since (UTC)", relative=False),
}


def checks_view(deployment: str) -> None:
    """The custom checks of a deployment."""
    frame = workspace().monitoring.checks(deployment)
    if frame.empty:
        empty(
            "No custom checks",
            "A check of your own gives a number of each window: one SELECT over window_rows and "
            "reference_rows, or a function in Python.",
            action=("Add a check", lambda: edit_check(deployment)),
            key="no_checks",
        )
        return
    section("Custom checks", "run on every window; they decide on it as its data's quality does")
    actions = st.container(horizontal=True, vertical_alignment="center")
    ticked = table(
        frame.assign(language=frame["language"].map(LANGUAGES)),
        COLUMNS, key="custom_checks", alt="Custom checks", select="one", ids="name",
    )  # fmt: skip
    with actions:
        if st.button("Add a check", icon=":material/add:", key="check_add"):
            edit_check(deployment)
        if ticked:
            _actions(deployment, ticked[-1])


def _actions(deployment: str, name: str) -> None:
    monitoring = workspace().monitoring
    if st.button("Change", icon=":material/edit:", key="check_change"):
        edit_check(deployment, name)
    if st.button("Remove", icon=":material/delete:", key="check_remove"):
        confirm(
            "Remove this check",
            f"**{literal(name)}** does not run on later windows. Its results are kept.",
            verb="Remove",
            command=lambda reason: monitoring.remove_check(deployment, name, reason),
            done=f"The check {name} is removed",
        )


@st.dialog("Custom check", icon=":material/rule_settings:", width="large")
def edit_check(deployment: str, name: str = "") -> None:
    """The form of a check; it is tried on the newest window before it is saved."""
    present = workspace().monitoring.check(deployment, name).spec if name else None
    spec = _form(present)
    st.markdown(
        ":small[:gray[SQL only reads, in a process of its own. Python runs with the rights of the "
        "worker, as training code does.]]"
    )
    if st.button("Try on the newest window", icon=":material/play_arrow:", key="check_try"):
        with st.spinner("The check runs"):
            _try(deployment, spec)
    reason = reason_input("check_reason")
    missing = "" if spec.name and spec.code.strip() else "Give a name and the code first"
    if dialog_buttons("Save", "check", missing=missing) and run_or_show_error(
        lambda: workspace().monitoring.save_check(deployment, spec, reason)
    ):
        toast_next(f"The check {spec.name} runs on windows evaluated from now on")
        st.rerun()


def _form(present: CustomCheckSpec | None) -> CustomCheckSpec:
    with st.container(horizontal=True):
        name = st.text_input(
            "Name", present.name if present else "", disabled=present is not None, key="check_name"
        )
        languages = get_args(Language)
        language = st.selectbox(
            "Language",
            languages,
            index=languages.index(present.language) if present else 0,
            format_func=LANGUAGES.__getitem__,
            key="check_language",
        )
    code = st.text_area(
        "Code",
        present.code if present and present.language == language else EXAMPLES[language],
        height=180,
        key=f"check_code_{language}",
    )
    with st.container(horizontal=True):
        warn = st.number_input("Warns beyond", value=present.warn if present else 0.1,
                               format="%.4g", key="check_warn")  # fmt: skip
        fail = st.number_input("Fails beyond", value=present.fail if present else 0.2,
                               format="%.4g", key="check_fail")  # fmt: skip
        directions = get_args(Direction)
        direction = st.selectbox(
            "Bad lies",
            directions,
            index=directions.index(present.direction) if present else 0,
            key="check_direction",
        )
    choices = dict(DRAWS)
    if present and present.draws not in choices:
        choices[present.draws] = f"Limits, and chance by {present.draws} draws"
    draws = st.selectbox(
        "A breach is beyond",
        list(choices),
        index=list(choices).index(present.draws) if present else 0,
        format_func=choices.__getitem__,
        key="check_draws",
    )
    return CustomCheckSpec(
        (name or "").strip(), language, code or "", float(warn), float(fail), direction, draws
    )


def _try(deployment: str, spec: CustomCheckSpec) -> None:
    named = spec if spec.name else CustomCheckSpec(**{**vars(spec), "name": "tried"})
    try:
        check = workspace().monitoring.try_check(deployment, named)
    except PilothouseError as refusal:
        error_box(refusal)
    else:
        _result(check)


def _result(check: Check) -> None:
    badge = f":{colour(check.status)}-badge[{status_title(check.status)}]"
    figures = [f"**{number(check.score, 4)}**"] if check.score is not None else []
    figures += [f"chance {number(check.noise, 4)}"] if check.noise is not None else []
    figures += [literal(check.message)] if check.message else []
    rows = f"of {check.n_current:,} rows, beside {check.n_reference:,} of the reference"
    st.markdown(f"{badge} {', '.join(figures)} :gray[{rows}]")
