"""One recipe: its facts, environment, code and runs, and the dialog that runs it."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import streamlit as st

from pilothouse.kit.parameters import Parameter
from pilothouse.pipelines.recipes.commands import JOB, KIND
from pilothouse_app.components.confirm import confirm
from pilothouse_app.components.dialogs import dialog_buttons, run_or_show_error
from pilothouse_app.components.diff import pairs_table
from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.formats import size, when
from pilothouse_app.components.header import section
from pilothouse_app.components.links import ICONS, address, go, link, screen
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.parameter_form import parameter_fields
from pilothouse_app.components.table import name_column, status_column, table, when_column
from pilothouse_app.components.table_height import table_height
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace

if TYPE_CHECKING:
    from pilothouse.environments import EnvironmentInfo
    from pilothouse.jobs.api import JobInfo
    from pilothouse.pipelines.recipes.info import RecipeInfo
    from pilothouse.pipelines.recipes.project import RecipeParameter

VIEWS = ("code", "parameters", "details")
MAX_TEXT, MAX_LINKS = 200_000, 3
LANGUAGES = {".py": "python", ".yaml": "yaml", ".yml": "yaml", ".json": "json", ".toml": "toml"}
RUN_COLUMNS = {
    "name": name_column("Run"),
    "status": status_column(width=96),
    "created_at": when_column("Started", width=120),
}


def recipe_commands(recipe: RecipeInfo) -> None:
    """The buttons that remove it and run it."""
    if st.button("Remove", icon=":material/delete:", key="recipe_remove"):
        confirm(
            "Remove this recipe",
            f"**{literal(recipe.name)}** can no longer be run. Its runs and the models that it "
            "made are kept.",
            verb="Remove",
            command=lambda reason: workspace().recipes.remove(recipe.name, reason),
            done=f"{recipe.name} is removed",
            then=screen("pipelines", pipelines_view="Recipes"),
        )
    if st.button("Run", type="primary", icon=":material/play_arrow:", key="recipe_run"):
        _run_dialog(recipe)


def recipe_facts(recipe: RecipeInfo) -> dict[str, str]:
    """The line under the title."""
    return {
        "Source": literal(recipe.source),
        "Commit": f"`{recipe.commit[:10]}`" if recipe.commit else "",
        "Registered": when(recipe.updated_at),
        "By": literal(recipe.created_by),
        "Note": literal(recipe.note),
    }


def environment_line(info: EnvironmentInfo | None) -> None:
    """How a recipe's environment stands, with the way on when it failed."""
    if info is None:
        st.info("Its environment was removed; the next run builds it.", icon=":material/info:")
        return
    if info.state == "failed":
        text = f"{literal(info.message)}\n\n{literal(info.hint)}"
        st.error(text, title=f"Environment: {info.failure_title}", icon=":material/error:")


def recipe_links(recipe: RecipeInfo, environment: EnvironmentInfo | None) -> None:
    """Links to what it is connected with."""
    if environment is not None:
        link(address("environment", environment.id), "Environment", icon=ICONS["environment"])
    if recipe.model and recipe.model in set(workspace().registry.models()["name"]):
        link(address("model", recipe.model), f"Model {recipe.model}", icon=ICONS["model"])


def is_under_way(recipe: RecipeInfo, environment: EnvironmentInfo | None) -> bool:
    """Whether the recipe runs, or its environment is being built."""
    return (environment is not None and environment.in_progress) or bool(_active_jobs(recipe))


def _active_jobs(recipe: RecipeInfo) -> list[JobInfo]:
    """The jobs that run it; an experiment of the same name has jobs of its own."""
    return [
        job
        for job in workspace().jobs.active()
        if (job.subject_kind, job.subject_ref) == (KIND, recipe.name)
    ]


def recipe_runs(recipe: RecipeInfo) -> bool:
    """The jobs that run it, and its runs, newest first; whether anything is under way."""
    ws = workspace()
    active = _active_jobs(recipe)
    runs = ws.recipes.runs(recipe.name)
    section("Runs", str(len(runs)) if len(runs) else "")
    for job in active:
        with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
            link(address("job", job.id), "Job", icon=ICONS["job"])
            st.progress(min(max(job.progress, 0.0), 1.0), job.message or "Queued")
    if runs.empty and not active:
        jobs = ws.jobs.jobs(kind=JOB, subject_ref=recipe.name, size=5)
        failed = jobs[jobs["status"] == "failed"]
        if not failed.empty:
            link(
                address("job", str(failed["id"].iloc[0])), "The last job failed", icon=ICONS["job"]
            )
        empty("Not run yet", "A run is a job; what its code logs appears here.", key="no_runs")
    elif not runs.empty:
        frame = runs.assign(id=runs["run"])
        with table_height("recipe_runs", len(frame), reserve=19) as height:
            table(
                frame, RUN_COLUMNS, key="recipe_runs", alt="Runs of the recipe",
                opens=("run", "run"), height=height,
            )  # fmt: skip
    return is_under_way(recipe, ws.recipes.environment(recipe.name))


def recipe_outcome(job: JobInfo) -> None:
    """What a finished run of a recipe made: links to its runs and its model versions."""
    result = job.result or {}
    if job.kind != JOB or job.status != "succeeded" or not result.get("runs"):
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="job_outcome"):
        st.markdown("The code has ended well.", width="stretch")
        for run in result["runs"][-MAX_LINKS:]:
            link(address("run", str(run)), "Open the run", icon=ICONS["run"])
        for ref in result.get("versions", [])[-MAX_LINKS:]:
            link(address("version", str(ref)), str(ref), icon=ICONS["version"])


def recipe_view(recipe: RecipeInfo, view: str) -> None:
    """The code, the parameters or the details."""
    if view == "code":
        _code(recipe)
    elif view == "parameters":
        st.code(recipe.command, language="bash", wrap_lines=True)
        values = {p.name: _described(p) for p in recipe.open_parameters}
        if recipe.dataset_parameter:
            file = f"the path of a dataset's {recipe.dataset_format} file"
            values = {recipe.dataset_parameter: file, **values}
        if values:
            pairs_table(values, alt="Parameters")
        else:
            empty("No declared parameters", "A Python file is given any as --name value.")
    else:
        pairs_table(_details(recipe), alt="Details of the recipe")


def _code(recipe: RecipeInfo) -> None:
    files = workspace().recipes.code(recipe.name)
    names = sorted(files, key=lambda path: (path.count("/"), path))
    first = names.index(recipe.entry_point) if recipe.entry_point in names else 0
    chosen = str(st.selectbox("File", names, index=first, key="recipe_file"))
    content = files[chosen]
    if b"\0" in content[:8_000] or len(content) > MAX_TEXT:
        st.markdown(f":gray[{size(len(content))}, not a text that is drawn here.]")
        return
    language = LANGUAGES.get(PurePosixPath(chosen).suffix)
    with st.container(height=460, border=False):
        st.code(
            content.decode(errors="replace"), language=language, line_numbers=True, wrap_lines=True
        )


def _described(parameter: RecipeParameter) -> str:
    default = "needed" if parameter.default is None else f"default {parameter.default}"
    return f"{parameter.type}, {default}"


def _details(recipe: RecipeInfo) -> dict[str, str]:
    requirements = ", ".join(recipe.environment.requirements)
    return {
        "entry_point": recipe.entry_point,
        "experiment": recipe.experiment,
        "makes_versions_of": recipe.model,
        "environment": requirements or recipe.environment.interpreter or "Pilothouse's own",
        "python": recipe.environment.minor,
        "code": recipe.digest[:12],
    }


@st.dialog("Run a recipe", icon=":material/play_arrow:", on_dismiss="rerun")
def _run_dialog(recipe: RecipeInfo) -> None:
    dataset = _dataset(recipe) if recipe.dataset_parameter else ""
    values = _values(recipe)
    missing = "" if dataset or not recipe.dataset_parameter else "Register a dataset first"
    if dialog_buttons("Run", "recipe_run", missing=missing) and run_or_show_error(
        lambda: _start(recipe.name, values, dataset)
    ):
        st.rerun()


def _dataset(recipe: RecipeInfo) -> str:
    refs = list(workspace().data.datasets()["ref"])
    return str(st.selectbox(f"Dataset (as {recipe.dataset_format})", refs, key="recipe_ds") or "")


def _values(recipe: RecipeInfo) -> dict[str, Any]:
    """The declared parameters as fields; those of a Python file as lines."""
    if recipe.open_parameters:
        fields = [
            Parameter(
                p.name,
                "number" if p.type == "float" else "text",
                _default(p),
                title=p.name,
            )
            for p in recipe.open_parameters
        ]
        values = parameter_fields(fields, {}, key="recipe_param", columns=2)
        return {name: value for name, value in values.items() if value not in (None, "")}
    if not recipe.entry_point.endswith(".py"):
        return {}
    text = st.text_area(
        "Parameters", placeholder="rate = 0.1", key="recipe_lines",
        help="One a line, as name = value; the code is given them as --name value.",
    )  # fmt: skip
    pairs = (line.partition("=") for line in (text or "").splitlines() if line.strip())
    return {name.strip().lstrip("-"): value.strip() for name, _, value in pairs}


def _default(parameter: RecipeParameter) -> Any:
    if parameter.type != "float" or parameter.default is None:
        return parameter.default
    return float(parameter.default)


def _start(name: str, values: dict[str, Any], dataset: str) -> None:
    job = workspace().recipes.run(name, values, dataset)
    toast_next(f"{name} is running")
    go(address("job", job))
