"""Bringing history from MLflow: a dialog that looks before it starts, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from pilothouse_app.components.dialogs import dialog_buttons, run_or_show_error
from pilothouse_app.components.diff import literal
from pilothouse_app.components.formats import count, plural, size
from pilothouse_app.components.header import facts
from pilothouse_app.components.links import address, go, link, screen
from pilothouse_app.components.table import (
    name_column,
    number_column,
    status_column,
    table,
    text_column,
    when_column,
)
from pilothouse_app.components.table_height import tall
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace

if TYPE_CHECKING:
    from pilothouse.interop.importing.report import ImportReport
    from pilothouse.jobs.api import JobInfo

KIND = "import_mlflow"
LOOK = "import_look"
MAX_SHOWN = 200
FEW_LINES, MAX_TOLD = 6, 5
FOUND = {
    "name": name_column("Experiment", width=260),
    "runs": number_column("Runs", 0, width=80),
    "state": text_column("State", width=90),
    "created_at": when_column("Created", width=120),
}
LINES = {
    "outcome": status_column("Outcome", width=92),
    "kind": text_column("What", width=110),
    "name": text_column("Name", width=360),
    "why": text_column("Why"),
}
NOUNS = {
    "experiments": "experiment",
    "runs": "run",
    "points": "point",
    "files": "file",
    "logged_models": "logged model",
    "models": "registered model",
    "versions": "version",
}


def import_button(*, key: str = "import") -> None:
    """The button that opens the dialog."""
    if st.button("Import", icon=":material/move_to_inbox:", key=key):
        st.session_state.pop(LOOK, None)
        _import()


@st.dialog("Import from MLflow", width="large", icon=":material/move_to_inbox:")
def _import() -> None:
    st.markdown(
        "Runs with their whole history, files, logged models and the registry come as they were. "
        "What is here already does not come twice, and nothing is written before you start."
    )
    source = _source()
    look = _looked(source)
    chosen, into = list[str](), ""
    if look is not None:
        _preview(look)
        chosen, into = _choices(look)
    missing = "" if look else "Look first"
    if dialog_buttons("Import", "import", missing=missing):
        run_or_show_error(lambda: _start(source, chosen, into))


def _source() -> str:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        typed = st.text_input(
            "Folder, database or server",
            placeholder="/data/mlruns, /data/mlflow.db or https://mlflow.example.org",
            help="A path on the machine that Pilothouse runs on. For a server, the worker takes "
            "MLFLOW_TRACKING_USERNAME, _PASSWORD or _TOKEN from its environment.",
            live=True,
            key="import_source",
        )
        source = (typed or "").strip()
        if st.button("Look", icon=":material/search:", disabled=not source, key="import_look_go"):
            st.session_state.pop(LOOK, None)
            with st.spinner("Looking"):
                run_or_show_error(lambda: _look(source))
    return source


def _look(source: str) -> None:
    st.session_state[LOOK] = (source, workspace().imports.preview(source).to_json())


def _looked(source: str) -> Mapping[str, Any] | None:
    """What was seen of this source, when it was looked at."""
    seen, look = st.session_state.get(LOOK, ("", None))
    return look if seen == source else None


def _preview(look: Mapping[str, Any]) -> None:
    experiments = look["experiments"]
    facts(
        {
            "Found": f"a {look['kind']}, {literal(look['written_by'])}",
            "": _counted({"runs": look["runs"], "models": look["models"]}),
            "Files": size(look["bytes"]) if look["bytes"] is not None else "",
            "Here already": plural(look["known_runs"], "run") if look["known_runs"] else "",
        }
    )
    if not experiments:
        st.markdown(":gray[There is no experiment in it.]")
        return
    rows = [
        {**each, "state": "deleted" if each["deleted"] else "active"}
        for each in experiments[:MAX_SHOWN]
    ]
    frame = pd.DataFrame(rows)
    frame["runs"] = frame["runs"].astype("Int64")
    height: Any = "content" if len(frame) <= FEW_LINES else 34 + 30 * FEW_LINES
    table(frame, FOUND, key="import_found", alt="What the source holds", height=height)
    others = (f"{noun} ({count(number)})" for noun, number in look["others"].items())
    faults = (f"{line['kind']} {line['name']}: {line['why']}" for line in look["faults"])
    for words, told in (("Stays where it is", others), ("Cannot be read", faults)):
        if listed := list(islice(told, MAX_TOLD)):
            st.markdown(f":gray[{words}: {literal(', '.join(listed))}]")


def _choices(look: Mapping[str, Any]) -> tuple[list[str], str]:
    left, right = st.columns(2)
    with left:
        names = [each["name"] for each in look["experiments"]]
        chosen = st.multiselect(
            "Experiments", names, placeholder="All of them", key="import_experiments"
        )
    with right:
        into = st.text_input(
            "Put them under",
            placeholder="Nothing: they keep their names",
            help="`old` makes `old/search` of `search`; runs of a name that is here already join "
            "the experiment of that name.",
            key="import_into",
        )
    return list(chosen), (into or "").strip()


def _start(source: str, experiments: list[str], into: str) -> None:
    job = workspace().imports.start(source, experiments=experiments, into=into)
    toast_next("The import is under way")
    go(address("job", job))


def is_import(job: JobInfo) -> bool:
    """Whether a job is an import, whose page shows its report."""
    return job.kind == KIND


def import_report(job: JobInfo) -> None:
    """What came, what was here already, and a line for everything that did not come as it was."""
    if job.result is None:
        words = "The report comes when it has ended." if not job.ended else "It made no report."
        st.markdown(f":gray[{words} What came until now stays.]")
        return
    report = workspace().imports.report(job.id)
    told = {
        "Brought": _counted(report.brought),
        "Brought up to date": _counted(report.changed),
        "Here already": _counted(report.already_imported),
    }
    for words, counts in told.items():
        if counts:
            st.markdown(f":gray[{words}] &nbsp;{counts}")
    if not any(told.values()):
        st.markdown("There was nothing to bring.")
    link(screen("experiments"), "Open experiments", icon=":material/science:")
    _lines(report)


def _lines(report: ImportReport) -> None:
    if not report.lines:
        st.markdown(":gray[Everything came as it was.]")
        return
    lines = report.frame()
    with tall("import_lines", len(lines), reserve=19) as height:
        table(lines, LINES, key="import_lines", alt="What did not come as it was", height=height)
    if report.untold:
        st.markdown(f":gray[and {plural(report.untold, 'line')} more]")


def _counted(counts: Mapping[str, int | None]) -> str:
    told = []
    for key, noun in NOUNS.items():
        number = counts.get(key)
        if number:
            told.append(plural(number, noun))
    return ", ".join(told)
