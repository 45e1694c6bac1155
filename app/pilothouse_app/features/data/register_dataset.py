"""Registering data: a file from this computer or a path on the server's, as a dataset version."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import streamlit as st

from pilothouse.data import ReadOptions
from pilothouse.kit.errors import Invalid, PilothouseError
from pilothouse.kit.names import DATASET
from pilothouse_app.components.dialogs import dialog_buttons
from pilothouse_app.components.errors import error_box
from pilothouse_app.components.formats import title
from pilothouse_app.components.links import address, go
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.name_input import name_input
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.data.reading_options import reading_form

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

UPLOAD, PATH = "Upload", "Path on this machine"
BREACH = "_data_breach"
FILES = [
    "csv",
    "tsv",
    "txt",
    "json",
    "jsonl",
    "ndjson",
    "parquet",
    "xlsx",
    "gz",
    "zip",
    "bz2",
    "xz",
]
PATIENCE_SECONDS = 30  # after that the job's own page shows how it goes on
POLL_SECONDS = 0.3
MAX_LINES = 8


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
        "CSV, JSON lines, Parquet or Excel, compressed too. The content gets a hash, a profile "
        "and a contract; the same content is the same version."
    )
    file, path = _file()
    name, missing = _name(dataset, file, path)
    identity = file.file_id if file else path
    choice = None
    if file or path:
        choice = reading_form(file or path, file.name if file else "", identity)
        missing = missing or choice.missing
    origin, licence, note, tags = _about(dataset)
    content = (name, identity)
    contract, lines = _breach(content)
    accepted = bool(lines) and _confirm_breach(contract, lines)

    if not (file or path):
        missing = "Choose a file first"
    elif lines and not accepted:
        missing = "It breaks the contract: choose another file, or decide to register it"

    verb = "Register anyway" if accepted else "Register"
    if not dialog_buttons(verb, "data", missing=missing):
        return

    about: dict[str, Any] = {
        "origin": origin,
        "licence": licence,
        "tags": tags,
        "event_time": choice.event_time if choice else None,
        "types": choice.types if choice else {},
        "note": note,
        "parent": _parent(dataset),
        "on_breach": "accept" if accepted else "refuse",
    }

    if file is not None:
        about["filename"] = file.name
    options = choice.options if choice else ReadOptions()
    source = path if file is None else file.getvalue()
    remedy = submit_and_wait(
        lambda: workspace().data.submit(name, source, options=options, **about)
    )
    if remedy and remedy.get("kind") == "breach":
        st.session_state[BREACH] = (content, remedy["ref"], list(remedy["lines"]))
        st.rerun(scope="fragment")


def _breach(content: tuple[str, str]) -> tuple[str, list[str]]:
    """The contract that this content broke when it was tried, and how; empty when it was not."""
    tried, ref, lines = st.session_state.get(BREACH, (None, "", []))
    return (ref, lines) if tried == content else ("", [])


def _confirm_breach(ref: str, lines: list[str]) -> bool:
    """Show how the data breaks the contract and ask whether it is to be registered all the same."""
    listed = "\n".join(f"- {literal(line)}" for line in lines[:MAX_LINES])
    more = f"\n- and {len(lines) - MAX_LINES} more" if len(lines) > MAX_LINES else ""

    st.warning(
        listed + more,
        title=literal(f"This breaks the contract of {ref}"),
        icon=":material/rule:",
    )

    return st.checkbox(
        "The data is correct: register it and widen the contract to include it",
        key="data_accept",
        help="The violations are recorded with the version and in the audit log (Activity). "
        "To change a rule without this data, edit the contract on the page of the dataset.",
    )


def _file() -> tuple[UploadedFile | None, str]:
    way = st.segmented_control(
        "From", [UPLOAD, PATH], default=UPLOAD, required=True, key="data_way",
        label_visibility="collapsed",
    )  # fmt: skip
    if way == UPLOAD:
        return st.file_uploader("File", type=FILES, key="data_file"), ""
    path = st.text_input("Path", placeholder="/data/flights.parquet", live=True, key="data_path")
    return None, (path or "").strip()


def _name(dataset: str, file: UploadedFile | None, path: str) -> tuple[str, str]:
    """The name, and what is missing for it to be used; a file suggests one that is valid."""
    if dataset:
        st.text_input("Name", dataset, disabled=True, key=f"data_name_{dataset}")
        return dataset, ""
    source = file.name if file else path
    stem = source.replace("\\", "/").rsplit("/", 1)[-1].split(".", 1)[0]
    guess = DATASET.suggest(stem) if stem else ""
    # Another file of the same name is another input, or the browser may show it empty.
    return name_input(DATASET, guess, key=f"data_name_{file.file_id if file else guess}")


def _about(dataset: str) -> tuple[str, str, str, dict[str, str]]:
    left, right = st.columns(2)
    current = workspace().data.version(dataset) if dataset else None
    with left:
        origin = st.text_input("Source", current.source if current else "", key="data_origin")
    with right:
        licence = st.text_input("Licence", current.licence if current else "", key="data_licence")

    tag_texts = st.multiselect(
        "Tags",
        [],
        accept_new_options=True,
        placeholder="name=value, then Enter",
        key="data_tags",
    )
    note = st.text_input("Note", placeholder="What is in it, or what changed", key="data_note")
    pairs = (str(word).partition("=") for word in tag_texts)
    return origin, licence, note, {name.strip(): value for name, _, value in pairs}


def _parent(dataset: str) -> str | None:
    return workspace().data.version(dataset).ref if dataset else None


def submit_and_wait(submit: Callable[[], str]) -> dict[str, Any] | None:
    """Submit a registration and open its result; return the remedy of a failure, if any."""
    jobs = workspace().jobs
    try:
        job_id = submit()
    except PilothouseError as refusal:
        error_box(refusal)
        return None

    bar = st.progress(0.0, "Waiting for the worker")
    give_up = time.monotonic() + PATIENCE_SECONDS
    while not (job := jobs.job(job_id)).ended and time.monotonic() < give_up:
        bar.progress(job.progress, title(job.message) if job.message else "Waiting for the worker")
        time.sleep(POLL_SECONDS)
    bar.empty()

    if not job.ended:
        toast_next("Registration started")
        go(address("job", job_id))
    elif job.result is None:
        if not (job.remedy and job.remedy.get("kind") == "breach"):
            error_box(Invalid(job.error, hint=job.hint))
        return job.remedy
    else:
        outcome = "exists already" if job.result["existed"] else "is registered"
        if job.result.get("held"):
            outcome = "is held back by its quality checks"
        toast_next(f"{job.result['dataset']} {outcome}")
        go(address("dataset", job.result["dataset"]))

    return None
