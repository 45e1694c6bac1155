"""The models that an MLflow client logged in a run: a list, and the chosen one with its files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from pilothouse_app.components.diff import pairs_table
from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.filters import switch
from pilothouse_app.components.formats import plural, title, when
from pilothouse_app.components.header import section
from pilothouse_app.components.links import ICONS, address, query_param, same_page_link
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.table import (
    button_column,
    name_column,
    number_column,
    status_column,
    table,
    text_column,
    when_column,
)
from pilothouse_app.components.table_height import limited_height
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.experiments.metric_definitions import metric_kinds
from pilothouse_app.features.run.files import file_browser

if TYPE_CHECKING:
    from pilothouse.experiments.details import RunInfo
    from pilothouse.experiments.logged_models import LoggedModelInfo

MODEL = "run_model"
USES = {"input": "input", "output": "output"}
VIEWS = ("files", "metrics", "about")
MAX_METRICS = 3
MAX_ROWS = 6


def draw(run: RunInfo) -> None:
    """Draw the view."""
    models = workspace().experiments.logged_models(run.id)
    if not models:
        empty(
            "No logged models",
            "Models that an MLflow client logs with log_model appear here.",
            icon=":material/deployed_code:",
        )
        return
    if len(models) > 1:
        _list(models)
    _model(run, next((model for model in models if model.id == query_param(MODEL)), models[-1]))


def _list(models: tuple[LoggedModelInfo, ...]) -> None:
    section("Logged models", plural(len(models), "model"))
    keys = list(dict.fromkeys(figure.key for model in models for figure in model.metrics))[
        :MAX_METRICS
    ]
    rows = [
        {"id": m.id, "name": m.name, "status": m.status, "use": USES.get(m.use, m.use)}
        | {"step": m.step, "created_at": m.created_at}
        | {f.key: f.value for f in m.metrics if f.key in keys}
        for m in models
    ]

    definitions = metric_kinds()
    looks = {
        "name": button_column("Model", _press, width=190, pinned=True, alignment="left"),
        "status": status_column(width=92),
        "use": text_column("Use", width=80),
        "step": number_column("at step", 0, width=80),
        **{key: number_column(definitions.of(key).title, 4, width=118) for key in keys},
        "created_at": when_column("Created", width=116),
    }

    height = limited_height(len(rows), MAX_ROWS)
    frame = pd.DataFrame(rows)
    table(frame, looks, key="run_models", alt="Logged models of the run", height=height)


def _press(model: str) -> None:
    st.query_params[MODEL] = model


def _model(run: RunInfo, model: LoggedModelInfo) -> None:
    with st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
    ):
        section(literal(model.name), f"`{model.id}` · {literal(model.status)}")
        if model.run_id and model.run_id != run.id:
            made = address("run", model.run_id)
            same_page_link(made, "Source run", icon=ICONS["run"], key="run_model_maker")

    if model.status_message:
        st.error(literal(model.status_message), title="This model failed", icon=":material/error:")
    view = switch("run_model_view", VIEWS, "Show of the model", format_func=title)
    if view == "files":
        files = workspace().experiments.files.list_files(model.id)
        if files:
            file_browser(model.id, files, key="run_model_files", alt="Files of the model")
        else:
            empty("No files", "This model has no files.", icon=":material/folder_off:")
    elif view == "metrics":
        _metrics(model)
    else:
        _about(model)


def _metrics(model: LoggedModelInfo) -> None:
    if not model.metrics:
        empty("No metrics", "No metrics were logged for this model.", icon=":material/monitoring:")
        return

    definitions = metric_kinds()
    frame = pd.DataFrame(
        {
            "id": [f"{f.key} {f.dataset} {f.digest}" for f in model.metrics],
            "name": [definitions.of(figure.key).title for figure in model.metrics],
            "value": [figure.value for figure in model.metrics],
            "step": [figure.step for figure in model.metrics],
            "dataset": [figure.dataset for figure in model.metrics],
        }
    )

    looks = {
        "name": name_column("Metric", width=220),
        "value": number_column("Value", 4, width=100),
        "step": number_column("at step", 0, width=80),
        "dataset": text_column("On the dataset"),
    }

    table(frame, looks, key="run_model_figures", alt="Metrics of the model")


def _about(model: LoggedModelInfo) -> None:
    left, right = st.columns(2, gap="medium")
    with left:
        section("Parameters")
        pairs_table(model.params or {"none": ""}, alt="Parameters of the model")
    with right:
        section("Facts")
        facts = {
            "type": model.kind,
            "status": model.status,
            "experiment": model.experiment,
            "created": when(model.created_at),
            "changed": when(model.updated_at),
        }
        pairs_table(
            {name: value for name, value in facts.items() if value}, alt="Facts of the model"
        )
        section("Tags")
        pairs_table(model.tags or {"none": ""}, alt="Tags of the model")
