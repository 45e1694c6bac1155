"""The lineage of a run: its inputs, its parents and children, its outputs, and deployments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from pilothouse_app.components.diff import pairs_table
from pilothouse_app.components.formats import count, plural, title
from pilothouse_app.components.header import section
from pilothouse_app.components.links import (
    ICONS,
    address,
    link,
    query_param,
    same_page_link,
    screen,
)
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.records import records
from pilothouse_app.components.status import badge_text
from pilothouse_app.components.table import button_column, number_column, table, text_column
from pilothouse_app.components.table_height import limited_height
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.files.viewers import columns_table
from pilothouse_app.features.run.models import MODEL

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from pilothouse.experiments.details import RunInfo
    from pilothouse.experiments.logged_models import LoggedModelInfo, SourceInfo
    from pilothouse.registry.info import VersionInfo

MAX_ITEMS = 6
MAX_ROWS = 6
SOURCE = "run_source"
NOTHING = ":gray[Nothing recorded.]"


def draw(run: RunInfo) -> None:
    """Draw the view."""
    ws = workspace()
    sources = ws.experiments.sources(run.id)
    models = ws.experiments.logged_models(run.id)
    versions = ws.registry.of_run(run.id)
    read, itself, made, serves = st.columns([24, 26, 27, 23], gap="small")
    with read, _box("Inputs", ":material/input:"):
        _read(run, sources, models)
    with itself, _box("The run", ":material/timeline:"):
        _run(run)
    with made, _box("Outputs", ":material/output:"):
        _made(models, versions)
    with serves, _box("Deployments", ":material/rocket_launch:"):
        _serves(versions)
    link(
        screen("lineage", kind="run", ref=run.id),
        "Lineage as a graph",
        icon=":material/account_tree:",
    )
    if sources:
        _sources(sources)


def _box(name: str, icon: str) -> DeltaGenerator:
    box = st.container(border=True, height="stretch", gap="xsmall")
    with box:
        st.markdown(f"**{icon} {name}**")
    return box


def _read(run: RunInfo, sources: Sequence[SourceInfo], models: Sequence[LoggedModelInfo]) -> None:
    for one in run.inputs:
        link(address("dataset", one.dataset), one.dataset, icon=ICONS["dataset"])
        st.markdown(f":small[:gray[{title(one.role)}]]")
    for source in sources:
        role = f" :gray[{literal(source.role)}]" if source.role else ""
        st.markdown(f":material/table_view: {literal(source.name)}{role}")
    for model in models:
        if model.use == "input":
            st.markdown(f":material/deployed_code: {literal(model.name)} :gray[logged model]")
    if not run.inputs and not sources and all(model.use != "input" for model in models):
        st.markdown(NOTHING)


def _run(run: RunInfo) -> None:
    above = workspace().experiments.ancestors(run.id)
    for one in above:
        same_page_link(
            address("run", one.id), one.name, icon=ICONS["run"], key=f"run_above_{one.id}"
        )

    st.markdown(f"{'└ ' if above else ''}**{literal(run.name)}** {badge_text(run.status)}")
    for one in run.children[:MAX_ITEMS]:
        same_page_link(
            address("run", one.id), one.name, icon=ICONS["run"], key=f"run_below_{one.id}"
        )

    if len(run.children) > MAX_ITEMS:
        more = count(len(run.children) - MAX_ITEMS)
        st.markdown(f":gray[and {more} more, see the trials]")
    link(address("experiment", run.experiment), run.experiment, icon=ICONS["experiment"])
    if run.job_id:
        link(address("job", run.job_id), "Job", icon=ICONS["job"])


def _made(models: Sequence[LoggedModelInfo], versions: Sequence[VersionInfo]) -> None:
    for version in versions:
        link(address("version", version.ref), version.ref, icon=ICONS["version"])
        marks = [*version.aliases, *([] if version.stage == "none" else [version.stage])]
        if marks:
            st.markdown(" ".join(map(badge_text, dict.fromkeys(marks))))
    for model in [model for model in models if model.use != "input"][:MAX_ITEMS]:
        st.button(
            model.name,
            icon=":material/deployed_code:",
            type="tertiary",
            key=f"run_made_{model.id}",
            on_click=_show_model,
            args=(model.id,),
        )
    if not versions and not models:
        st.markdown(NOTHING)


def _show_model(model: str) -> None:
    st.session_state["run_view"] = "models"
    st.query_params[MODEL] = model


def _serves(versions: Sequence[VersionInfo]) -> None:
    refs = {version.ref for version in versions}
    deployments = records(workspace().deployments.deployments()) if refs else []
    serving = [
        deployment
        for deployment in deployments
        if f"{deployment['model']}@{_served_version(deployment)}" in refs
    ]

    for deployment in serving:
        link(
            address("deployment", deployment["name"]), deployment["name"], icon=ICONS["deployment"]
        )
        st.markdown(
            f"{badge_text(deployment['status'])} :gray[version {_served_version(deployment)}]"
        )

    if not serving:
        st.markdown(":gray[Not deployed.]")


def _served_version(deployment: dict[str, object]) -> int:
    number = deployment["serving_version"]
    return int(number) if isinstance(number, int | float) and number == number else 0


def _sources(sources: Sequence[SourceInfo]) -> None:
    """The logged datasets as a list, and the chosen one in full."""
    section("Logged datasets", "as recorded by the client")
    ids = [f"{source.name} {source.digest} {source.role}" for source in sources]

    if len(sources) > 1:
        rows = [
            {
                "id": key,
                "name": source.name,
                "role": source.role,
                "digest": source.digest,
                "rows": source.profile.get("num_rows"),
                "columns": len(source.columns) or None,
                "source": source.source,
            }
            for key, source in zip(ids, sources, strict=True)
        ]
        looks = {
            "name": button_column("Dataset", _press, width=180, pinned=True, alignment="left"),
            "role": text_column("Context", width=110),
            "digest": text_column("Digest", width=100),
            "rows": text_column("Rows", width=80),
            "columns": number_column("Columns", 0, width=80),
            "source": text_column("Source"),
        }
        height = limited_height(len(rows), MAX_ROWS)
        table(pd.DataFrame(rows), looks, key="run_sources", alt="Logged datasets", height=height)

    chosen = query_param(SOURCE)
    _source(sources[ids.index(chosen) if chosen in ids else 0])


def _press(source: str) -> None:
    st.query_params[SOURCE] = source


def _source(source: SourceInfo) -> None:
    left, right = st.columns(2, gap="medium")
    with left:
        section(literal(source.name), literal(source.role))
        facts = {"digest": source.digest, "source": source.source, "source type": source.kind}
        fields = facts | dict(source.profile) | dict(source.tags)
        values = {name: value for name, value in fields.items() if value}
        pairs_table(values, alt=f"Facts of {source.name}")
    with right:
        section("Schema", plural(len(source.columns), "column") if source.columns else "")
        if source.columns:
            columns_table(source.columns, alt=f"Columns of {source.name}")
        else:
            st.markdown(":gray[Not recorded.]")
