"""Registering data: a file from this computer or a path on the server's, as a dataset version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from pilothouse.kit.errors import PilothouseError
from pilothouse_app.parts.errors import error_box
from pilothouse_app.parts.links import address, go
from pilothouse_app.parts.toasts import toast_next
from pilothouse_app.parts.workspace import workspace

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

UPLOAD, PATH = "Upload", "Path on this machine"


def register_data_button(dataset: str = "", *, primary: bool = True) -> None:
    """The button that opens the dialog; with a dataset, the file becomes its next version."""
    label = "New version" if dataset else "Register dataset"
    if st.button(
        label,
        type="primary" if primary else "secondary",
        icon=":material/upload_file:",
        key="register_data",
    ):
        _register(dataset)


@st.dialog("Register dataset", width="large", icon=":material/upload_file:")
def _register(dataset: str) -> None:
    st.markdown(
        "CSV or Parquet. The content gets a hash, a profile and a contract; "
        "the same content is the same version."
    )
    file, path = _file()
    name = _name(dataset, file, path)
    origin, licence, event_time, note, tags = _about(dataset)
    ready = bool(name and (file or path))
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Cancel", key="data_cancel"):
            st.rerun()
        pressed = st.button(
            "Register",
            type="primary",
            key="data_go",
            disabled=not ready,
            help=None if ready else "Choose a file and a name first",
        )
    if not pressed:
        return
    about = {
        "origin": origin,
        "licence": licence,
        "tags": tags,
        "event_time": event_time or None,
        "note": note,
        "parent": _parent(dataset),
    }
    if file is not None:
        about["filename"] = file.name
    _registered(name, path if file is None else file.getvalue(), about)


def _file() -> tuple[UploadedFile | None, str]:
    way = st.segmented_control(
        "From", [UPLOAD, PATH], default=UPLOAD, required=True, key="data_way",
        label_visibility="collapsed",
    )  # fmt: skip
    if way == UPLOAD:
        return st.file_uploader("File", type=["csv", "parquet"], key="data_file"), ""
    path = st.text_input("Path", placeholder="/data/flights.parquet", live=True, key="data_path")
    return None, (path or "").strip()


def _name(dataset: str, file: UploadedFile | None, path: str) -> str:
    source = file.name if file else path
    guess = source.replace("\\", "/").rsplit("/", 1)[-1].rsplit(".", 1)[0].lower().replace(" ", "_")
    return (
        st.text_input(
            "Name",
            dataset or guess,
            disabled=bool(dataset),
            live=True,
            key=f"data_name_{dataset or guess}",
        )
        or ""
    ).strip()


def _about(dataset: str) -> tuple[str, str, str, str, dict[str, str]]:
    left, right = st.columns(2)
    known = workspace().data.version(dataset) if dataset else None
    with left:
        origin = st.text_input(
            "Where it comes from", known.source if known else "", key="data_origin"
        )
        event_time = st.text_input(
            "Column of the event time",
            (known.event_time or "") if known else "",
            placeholder="Optional: when each row happened",
            key="data_event_time",
        )
    with right:
        licence = st.text_input("Licence", known.licence if known else "", key="data_licence")
        words = st.multiselect(
            "Tags",
            [],
            accept_new_options=True,
            placeholder="name=value, then Enter",
            key="data_tags",
        )
    note = st.text_input("Note", placeholder="What is in it, or what changed", key="data_note")
    pairs = (str(word).partition("=") for word in words)
    return origin, licence, event_time, note, {name.strip(): value for name, _, value in pairs}


def _parent(dataset: str) -> str | None:
    return workspace().data.version(dataset).ref if dataset else None


def _registered(name: str, source: Any, about: dict[str, Any]) -> None:
    try:
        with st.spinner("Reading and profiling"):
            version = workspace().data.register(name, source, **about)
    except PilothouseError as refusal:
        error_box(refusal)
        return
    words = "was there already" if version.existed else "is registered"
    toast_next(f"{version.ref} {words}")
    go(address("dataset", version.ref))
