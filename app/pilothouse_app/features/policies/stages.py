"""The stages of the workspace: what each one means, and the dialog that changes them."""

from __future__ import annotations

from typing import Any, Literal

import pandas as pd
import streamlit as st

from pilothouse.kit.errors import PilothouseError
from pilothouse.registry.stage_ladder import MAX_STAGES, LadderStage, checked_ladder
from pilothouse.registry.tables import PRODUCTION
from pilothouse_app.components.dialogs import dialog_buttons, reason_input, run_or_show_error
from pilothouse_app.components.header import section
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.status import badge_text
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace

DRAFT = "stages_draft"
CAPTION = (
    "A version is promoted to any of them, through the gates before it. The champion follows "
    "production, which stays the last. A stage that a version, a waiting promotion or a policy "
    "is in keeps its name."
)


def stage_section() -> None:
    """The stages from the lowest to production, each with its words."""
    with st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
    ):
        section("Stages", "the lowest first")
        if st.button("Change the stages", icon=":material/stairs:", key="stages_edit"):
            begin_stages()
            edit_stages()
    rows = [
        {"Stage": badge_text(stage.name), "What it means": literal(stage.meaning)}
        for stage in workspace().policies.stages()
    ]
    st.table(
        pd.DataFrame(rows), border="horizontal", hide_index=True, hide_header=True, alt="Stages"
    )


def begin_stages() -> None:
    """Start editing from the stages that hold. Each item has a number, so that keys are new."""
    st.session_state[DRAFT] = [
        _item(stage.name, stage.meaning) for stage in workspace().policies.stages()
    ]


@st.dialog("Change the stages", width="large", icon=":material/stairs:", on_dismiss="rerun")
def edit_stages() -> None:
    """Names and words in their order; stages are added, moved and removed."""
    st.caption(CAPTION)
    draft: list[dict[str, Any]] = st.session_state[DRAFT]
    stages = tuple(_row(index, item) for index, item in enumerate(draft))
    st.button(
        "Add a stage", icon=":material/add:", key="stages_add", on_click=_add,
        disabled=len(draft) >= MAX_STAGES,
    )  # fmt: skip
    reason = reason_input("stages_reason")
    missing = _missing(stages) or ("" if reason else "Give a reason first")
    if dialog_buttons("Save", "stages", missing=missing) and run_or_show_error(
        lambda: workspace().policies.set_stages(stages, reason)
    ):
        toast_next("The stages are changed")
        st.rerun()


def _missing(stages: tuple[LadderStage, ...]) -> str:
    """Why they cannot be saved; a fault is drawn beneath the stages."""
    if not all(stage.name for stage in stages):
        return "Give every stage a name"
    try:
        after = checked_ladder(stages)
    except PilothouseError as wrong:
        st.markdown(f":red[{literal(wrong.message)}]")
        return "The stages have faults"
    return "Nothing would change" if after == workspace().policies.stages() else ""


def _row(index: int, item: dict[str, Any]) -> LadderStage:
    """One stage; production is always the last and keeps its name."""
    number, fixed = item["id"], item["name"] == PRODUCTION
    label: Literal["visible", "collapsed"] = "visible" if index == 0 else "collapsed"
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input(
            "Stage", item["name"], live=True, disabled=fixed, width=170, placeholder="review",
            label_visibility=label, key=f"stage_name_{number}",
        )  # fmt: skip
        meaning = st.text_input(
            "What it means that a version is there", item["meaning"], live=True,
            label_visibility=label, key=f"stage_meaning_{number}",
        )  # fmt: skip
        st.button(
            "", icon=":material/arrow_upward:", help="Before the one above", args=(index,),
            disabled=fixed or index == 0, key=f"stage_up_{number}", on_click=_move_up,
        )  # fmt: skip
        st.button(
            "", icon=":material/delete:", help="Remove this stage", args=(index,),
            disabled=fixed, key=f"stage_remove_{number}", on_click=_remove,
        )  # fmt: skip
    return LadderStage((name or "").strip(), (meaning or "").strip())


def _add() -> None:
    draft = st.session_state[DRAFT]
    draft.insert(len(draft) - 1, _item("", ""))


def _move_up(index: int) -> None:
    draft = st.session_state[DRAFT]
    draft[index - 1], draft[index] = draft[index], draft[index - 1]


def _remove(index: int) -> None:
    del st.session_state[DRAFT][index]


def _item(name: str, meaning: str) -> dict[str, Any]:
    """A stage of the draft with a number that no other one has had in this session."""
    number: int = st.session_state.get("stages_items", 0) + 1
    st.session_state["stages_items"] = number
    return {"id": number, "name": name, "meaning": meaning}
