"""The comments on one object, with a field for the next; the same on every page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pilothouse_app.components.confirm import confirm
from pilothouse_app.components.dialogs import dialog_buttons, run_or_show_error
from pilothouse_app.components.formats import ago, plural
from pilothouse_app.components.markdown import literal, safe_markdown
from pilothouse_app.components.person import signature
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import chosen_name, workspace

if TYPE_CHECKING:
    from pilothouse.comments import CommentInfo

HINT = "Markdown. @ and the name of a person puts it on that person's list."


def comment_thread(kind: str, ref: str) -> None:
    """Everything that was written about an object, and a field to add to it."""
    comments = workspace().comments.comments(kind, ref)
    present = [comment for comment in comments if comment.removed_at is None]
    label = plural(len(present), "comment").capitalize() if present else "Comments"
    with st.expander(label, icon=":material/chat:", expanded=bool(present)):
        for comment in comments:
            _comment(comment)
        _new_comment(kind, ref)


def _comment(comment: CommentInfo) -> None:
    if comment.removed_at is not None:
        st.caption(f"{literal(comment.author)} removed a comment {ago(comment.removed_at)}")
        return
    edited = ", edited" if comment.edited_at else ""
    with st.container(border=True, key=f"comment_{comment.id}"):
        with st.container(
            horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
        ):
            st.markdown(
                f"**{literal(comment.author)}** :gray[{ago(comment.created_at)}{edited}]",
                width="content",
            )
            if comment.author == chosen_name():
                _own_buttons(comment)
        formatted = safe_markdown(comment.text)
        if formatted is None:
            st.text(comment.text)
        else:
            st.markdown(formatted)


def _own_buttons(comment: CommentInfo) -> None:
    with st.container(horizontal=True, width="content", gap="xsmall"):
        if st.button(
            ":material/edit:", type="tertiary", key=f"edit_{comment.id}", help="Edit this comment"
        ):
            _edit_dialog(comment)
        if st.button(
            ":material/delete:",
            type="tertiary",
            key=f"remove_{comment.id}",
            help="Remove this comment",
        ):
            confirm(
                "Remove this comment",
                "Its text is taken away from this page. The audit log keeps it.",
                verb="Remove",
                command=lambda _reason: workspace().comments.remove(comment.id),
                done="The comment is removed",
                needs_reason=False,
            )


@st.dialog("Edit comment", width="medium", icon=":material/edit:", on_dismiss="rerun")
def _edit_dialog(comment: CommentInfo) -> None:
    text = st.text_area("Comment", value=comment.text, help=HINT, key="comment_text") or ""
    missing = "" if text.strip() else "Write something first"
    if dialog_buttons("Save", "comment_edit", missing=missing) and run_or_show_error(
        lambda: workspace().comments.edit(comment.id, text)
    ):
        toast_next("The comment is saved")
        st.rerun()


def _new_comment(kind: str, ref: str) -> None:
    key = f"comment_{kind}_{ref}"
    count = st.session_state.get(f"{key}_count", 0)  # a new field is empty
    text = st.text_area(
        "New comment",
        placeholder="Write a comment; @ and a name mentions a person",
        help=HINT,
        label_visibility="collapsed",
        key=f"{key}_{count}",
    )
    written = (text or "").strip()
    nameless, sign = signature(key) if written else ("", None)
    pressed = st.button(
        "Comment",
        icon=":material/add_comment:",
        disabled=not written or bool(nameless),
        help="Write something first" if not written else nameless or None,
        on_click=sign,
        key=f"{key}_go",
    )
    if pressed and run_or_show_error(lambda: workspace().comments.add(kind, ref, written)):
        st.session_state[f"{key}_count"] = count + 1
        st.rerun()
