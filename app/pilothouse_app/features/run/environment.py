"""What a run's program stood on: interpreter, machine, packages; to search and to copy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from pilothouse.experiments.provenance.environment import packages_of
from pilothouse.kit.errors import PilothouseError
from pilothouse_app.components.diff import pairs_table
from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.errors import error_box
from pilothouse_app.components.filters import search
from pilothouse_app.components.formats import plural
from pilothouse_app.components.header import section
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.table import name_column, table, text_column
from pilothouse_app.components.table_height import table_height
from pilothouse_app.components.workspace import workspace

if TYPE_CHECKING:
    from pilothouse.experiments.details import RunInfo

ENVIRONMENT = "environment.json"
REQUIREMENTS = "requirements.txt"
OTHER_FILES = ("conda.yaml", "python_env.yaml")


def draw(run: RunInfo) -> None:
    """Draw the view."""
    if run.has_artifact(ENVIRONMENT):
        _recorded_environment(run)
        return

    environment_files = _environment_files(run)
    if not environment_files:
        empty(
            "No environment recorded",
            "Runs trained in Pilothouse record theirs; MLflow stores it with a logged model.",
            icon=":material/deployed_code_history:",
        )
        return

    left, right = st.columns([40, 60], gap="medium")
    with right:
        texts = [_file(*file) for file in environment_files]
    named = [
        file
        for file in zip(environment_files, texts, strict=True)
        if file[0][1].endswith(REQUIREMENTS)
    ]

    with left:
        _packages(packages_of("\n".join(text for _, text in named)))


def _recorded_environment(run: RunInfo) -> None:
    try:
        value: Any = workspace().experiments.files.document(run.id, ENVIRONMENT)
    except PilothouseError as refusal:
        error_box(refusal)
        return

    environment = value if isinstance(value, dict) else {}
    packages = environment.get("packages")
    packages = {str(k): str(v) for k, v in packages.items()} if isinstance(packages, dict) else {}
    left, middle, right = st.columns([30, 36, 34], gap="medium")
    with left:
        section("Machine")
        pairs_table({k: v for k, v in environment.items() if k != "packages"}, alt="Environment")
    with middle:
        _packages(packages)

    with right:
        section("Requirements", "to copy")
        st.code(
            "\n".join(f"{name}=={version}" for name, version in packages.items()),
            None,
            wrap_lines=True,
        )


def _packages(packages: dict[str, str]) -> None:
    with st.container(horizontal=True, horizontal_alignment="distribute"):
        section("Packages", plural(len(packages), "package"))
        query = search("run_package_q", "Package", width=150).lower()
    matching = {name: version for name, version in packages.items() if query in name.lower()}
    if not matching:
        st.markdown(":gray[No package matches.]" if packages else ":gray[No packages recorded.]")
        return
    frame = pd.DataFrame({"name": list(matching), "version": list(matching.values())})
    looks = {"name": name_column("Package", width=180), "version": text_column("Version")}
    with table_height("run_packages", len(frame), reserve=16) as height:
        table(frame, looks, key="run_packages", ids="name", alt="Packages", height=height)


def _environment_files(run: RunInfo) -> list[tuple[str, str, str]]:
    """Owner, path and whose it is, of each file that tells of an environment."""
    files = workspace().experiments.files
    candidates = [(run.id, file.path, "the run") for file in run.artifacts]
    for model in workspace().experiments.logged_models(run.id):
        candidates += [(model.id, file.path, model.name) for file in files.list_files(model.id)]
    order = (REQUIREMENTS, *OTHER_FILES)
    recognised = [file for file in candidates if file[1].rpartition("/")[2] in order]
    return sorted(recognised, key=lambda file: order.index(file[1].rpartition("/")[2]))


def _file(owner: str, path: str, whose: str) -> str:
    """Draw a file to copy, and return its text."""
    section(literal(path), f"of {whose}")
    try:
        content = workspace().experiments.files.text(owner, path)
    except PilothouseError as refusal:
        error_box(refusal)
        return ""
    st.code(content.text, language=content.language or None, wrap_lines=True)
    return content.text
