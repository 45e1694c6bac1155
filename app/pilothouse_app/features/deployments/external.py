"""Deployments that are served elsewhere: adding one, and its rows from a file or a program."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import streamlit as st

from pilothouse.deployments.client_examples import curl_command
from pilothouse.deployments.gateway.external_columns import PredictionColumns, guess_columns
from pilothouse.kit.errors import PilothouseError
from pilothouse.kit.names import DEPLOYMENT
from pilothouse.models.tasks import task_of
from pilothouse_app.components.dialogs import dialog_buttons, reason_input, run_or_show_error
from pilothouse_app.components.errors import error_box
from pilothouse_app.components.formats import count, plural
from pilothouse_app.components.kpis import Kpi, kpi_row
from pilothouse_app.components.links import address, go
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.name_input import name_input
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import server_url, workspace
from pilothouse_app.features.deployments.code_examples import example_label
from pilothouse_app.features.deployments.external_form import (
    describe_model,
    first_rows,
    read_preview,
)
from pilothouse_app.features.deployments.launch import current_versions, switch_form
from pilothouse_app.features.deployments.row_problems import row_problems

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

    from pilothouse.deployments.info import DeploymentInfo
    from pilothouse.registry.description import Description

FILE_TYPES = ["csv", "tsv", "txt", "parquet", "json", "jsonl", "ndjson", "xlsx", "gz", "zip"]
REPORT = "_prediction_report"
NO_COLUMN = "None"
TIME_OF_UPLOAD = "Time of upload"
MAX_OUTPUT_BOXES = 12  # more outputs are found by their names
REGISTERED, DESCRIBED = "A registered version", "A model that is not registered"
AT = "2026-01-01T12:00:00Z"


def external_button() -> None:
    """The button that adds a deployment whose predictions are made elsewhere."""
    if st.button(
        "Served elsewhere",
        icon=":material/input:",
        key="add_external",
        help="Monitor predictions that another program makes",
    ):
        add_external()


@st.dialog("Add a deployment that is served elsewhere", width="large", icon=":material/input:")
def add_external() -> None:
    """The dialog: of which version, or what is predicted; a name; a reason."""
    ws = workspace()
    st.markdown(
        "Another program predicts. Its predictions are sent in by file, Python or HTTP; windows, "
        "drift, performance and alerts work as for a version that is served here."
    )
    models = list(ws.registry.models()["name"])
    of = st.segmented_control(
        "Of", [REGISTERED, DESCRIBED], default=REGISTERED if models else DESCRIBED,
        key="external_of", required=True,
    )  # fmt: skip
    model, version, description, missing = "", 0, None, ""
    if of == REGISTERED:
        model, version, missing = _version(models)
    else:
        description, missing = describe_model()
    taken = set(ws.deployments.deployments()["name"])
    name, unnamed = name_input(
        DEPLOYMENT,
        DEPLOYMENT.suggest(model or "predictions", taken),
        key=f"external_name_{model}",
        taken=taken,
        taken_message="is that of another deployment",
    )
    reason = reason_input("external_reason")
    missing = missing or unnamed or ("" if reason else "Give a reason first")
    if dialog_buttons("Add", "external", missing=missing):
        _add_deployment(name, model, version, description, reason)


def _add_deployment(
    name: str, model: str, version: int, description: Description | None, reason: str
) -> None:
    deployments = workspace().deployments
    if run_or_show_error(
        lambda: deployments.add_external(
            name, model, version, description=description, reason=reason
        )
    ):
        toast_next(f"{name} waits for its predictions")
        go(address("deployment", name))


def _version(models: list[str]) -> tuple[str, int, str]:
    if not models:
        st.markdown("No model is registered yet.")
        return "", 0, "Describe the model instead"
    left, right = st.columns(2)
    with left:
        model = st.selectbox("Model", models, key="external_model")
    numbers = current_versions(model)
    with right:
        version = st.selectbox(
            "Version", numbers, format_func=lambda n: f"Version {n}",
            key=f"external_version_{model}",
        )  # fmt: skip
    return model, version or 0, "" if numbers else "The model has no version to choose"


def follow_button(deployment: DeploymentInfo) -> None:
    """The button that says another version is served there now."""
    if deployment.model and st.button(
        "Change version", icon=":material/swap_horiz:", key="follow_version"
    ):
        _follow(deployment)


@st.dialog("Change version", icon=":material/swap_horiz:")
def _follow(deployment: DeploymentInfo) -> None:
    """Which version is served there from now on."""
    numbers = [n for n in current_versions(deployment.model) if n != deployment.version]
    if not numbers:
        st.markdown(f"**{literal(deployment.model)}** has no other version.")
        return

    def preview(chosen: int) -> None:
        st.markdown(f"Predictions sent from now on count as those of version {chosen}.")

    switch_form(deployment.name, numbers, preview, verb="Change", key="follow", done="has")


def upload_button(deployment: DeploymentInfo) -> None:
    """The button that adds predictions from a file."""
    if st.button(
        "Add predictions", type="primary", icon=":material/upload_file:", key="add_predictions"
    ):
        st.session_state.pop(REPORT, None)
        _upload(deployment)


@st.dialog("Add predictions from a file", width="large", icon=":material/upload_file:")
def _upload(deployment: DeploymentInfo) -> None:
    """The dialog: a file, its columns, a reason; errors are shown in it."""
    st.markdown(
        "CSV, Parquet, JSON or JSON lines with one prediction a row. Ids that were logged before "
        "are skipped, so a file that grows may be added again."
    )
    file = st.file_uploader("File", FILE_TYPES, key="predictions_file")
    columns = _columns(deployment, file) if file is not None else None
    reason = reason_input("predictions_reason")
    missing = "Choose a file first" if file is None else ""
    if file is not None and (
        columns is None or not columns.id or not all(columns.outputs.values())
    ):
        missing = "Choose the columns first"
    missing = missing or ("" if reason else "Give a reason first")
    if dialog_buttons("Add predictions", "predictions", missing=missing) and file is not None:
        _record(deployment.name, file, columns, reason)


def _columns(deployment: DeploymentInfo, file: UploadedFile) -> PredictionColumns | None:
    """The columns, as their names suggest or as they are chosen, above the first rows."""
    preview = read_preview(file)
    if preview is None:
        return None
    names = list(preview.types)
    guess = guess_columns(names, deployment.signature)
    key, sent = f"predictions_{file.file_id}", task_of(deployment.signature).sent_columns
    outputs = {output.name: output.title for output in sent(deployment.signature)}
    with st.container(horizontal=True):
        ids = _choose("Prediction id", names, guess.id, f"{key}_id")
        at = _choose("Event time", names, guess.at, f"{key}_at", TIME_OF_UPLOAD)
        label = _choose("Label", names, guess.label, f"{key}_label", NO_COLUMN)
    chosen = dict(guess.outputs)
    if len(outputs) <= MAX_OUTPUT_BOXES:
        with st.container(horizontal=True):
            for name, title in outputs.items():
                guessed = guess.outputs.get(name)
                chosen[name] = _choose(title, names, guessed, f"{key}_out_{name}") or ""
    inputs = [name for name in deployment.signature.names if name in names]
    total = len(deployment.signature.names)
    first_rows(preview, f"{len(inputs)} of {plural(total, 'input')} by their names")
    return PredictionColumns(ids or "", chosen, at, label, guess.label_at)


def _choose(
    title: str, names: list[str], guess: str | None, key: str, none: str = ""
) -> str | None:
    options = [none, *names] if none else names
    initial = guess if guess in names else none
    index = options.index(initial) if initial in options else None
    chosen = st.selectbox(title, options, index, key=key, width=220)
    return None if chosen == none else chosen


def _record(name: str, file: UploadedFile, columns: PredictionColumns | None, reason: str) -> None:
    try:
        report = workspace().deployments.record_predictions(
            name, file.getvalue(), file.name, columns, reason
        )
    except PilothouseError as refusal:
        error_box(refusal)
        return
    st.session_state[REPORT] = {"deployment": name, "file": file.name, **asdict(report)}
    st.rerun()


def upload_report(name: str) -> None:
    """What became of the last file, with the rows that were refused."""
    report: dict[str, Any] | None = st.session_state.get(REPORT)
    if report is None or report["deployment"] != name:
        return
    refused = report["refused"] + report["refused_labels"]
    draw = st.warning if refused else st.success
    draw(
        f"{literal(report['file'])}: {plural(report['accepted'], 'prediction')} logged, "
        f"{count(report['repeated'])} logged before, {count(report['refused'])} refused; "
        f"{plural(report['labels'], 'label')} taken, {count(report['refused_labels'])} refused.",
        icon=":material/help:" if refused else ":material/check:",
    )
    row_problems(report["problems"], "prediction_problems", "Rows that were refused")


def send_view(deployment: DeploymentInfo) -> None:
    """How a program sends predictions, with this deployment's own columns."""
    outputs = task_of(deployment.signature).sent_columns(deployment.signature)
    kpi_row(
        [
            Kpi("Outputs", count(len(outputs)), "sent with every row"),
            Kpi("Inputs", count(len(deployment.signature.names)), "as many as there are"),
            Kpi("Address", f"/deployments/{deployment.name}", "predictions and labels"),
        ]
    )
    st.markdown(
        "A row has an **id**, by which repetitions are recognised and labels joined; a **time**, "
        "in ISO 8601 or milliseconds since 1970, which decides its window; the **outputs**; and, "
        "where there are any, **inputs** and a **label**. A bad row is counted and named in the "
        "answer, and the others are logged."
    )
    snippets = send_snippets(deployment, server_url())
    for tab, text in zip(st.tabs(list(snippets)), snippets.values(), strict=True):
        with tab:
            st.code(text, language=None, wrap_lines=True)


def send_snippets(deployment: DeploymentInfo, base: str) -> dict[str, str]:
    """What to type, by the title of its tab."""
    name, signature = deployment.name, deployment.signature
    task = task_of(signature)
    example = task.decide(task.example.signature, task.example.rows)
    numbers = [values[0] for values in example.values() if isinstance(values[0], float)]
    number = numbers[0] if numbers else 0.5
    outputs = {
        output.name: number if output.kind == "number" else str(next(iter(signature.classes), "a"))
        for output in task.sent_columns(signature)
    }
    inputs = {f.name: None for f in signature.inputs}
    row = {"id": "order-17", "event_at": AT, **outputs, **inputs}
    url = f"{base}/deployments/{name}"
    line = json.dumps(row, ensure_ascii=False)
    labels = {"ids": ["order-17"], "labels": [example_label(signature)]}
    folder = str(workspace().folder)
    return {
        "HTTP": curl_command(f"{url}/predictions", {"predictions": [row]}),
        "JSON lines": f"# predictions.jsonl has one object a line:\n# {line}\n"
        f"curl -s {url}/predictions \\\n  -H 'Content-Type: application/x-ndjson' \\\n"
        "  --data-binary @predictions.jsonl",
        "Labels": curl_command(f"{url}/labels", labels),
        "Python": "import pilothouse\n\n"
        f"workspace = pilothouse.open_workspace({folder!r})\n"
        f"report = workspace.deployments.record_predictions({name!r}, frame)  # or a file's path\n"
        "print(report.accepted, report.problems)",
        "Command line": f"pilothouse deployments record {name} predictions.parquet\n"
        f"pilothouse deployments label {name} labels.csv",
    }
