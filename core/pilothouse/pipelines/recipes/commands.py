"""Commands on recipes: register, remove, and ask for a run; each with its audit entry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Any

from sqlmodel import Session

from pilothouse.activity import record
from pilothouse.environments import EnvironmentRequest
from pilothouse.jobs import submit
from pilothouse.kit.errors import Invalid, NotFound
from pilothouse.kit.names import MODEL, NameRule
from pilothouse.pipelines.recipes.info import RecipeInfo, recipe_info
from pilothouse.pipelines.recipes.project import Project, fill_command, read_project
from pilothouse.pipelines.recipes.snapshot import CodeSnapshot
from pilothouse.pipelines.tables import Recipe
from pilothouse.storage import Store

KIND = "recipe"  # in the audit log and in addresses
JOB = "run_recipe"
FORMATS = ("parquet", "csv")
RECIPE = NameRule("a recipe")


@dataclass(frozen=True)
class RecipeSettings:
    """What a person says of a recipe beside its code; see `RecipeInfo`."""

    name: str
    entry_point: str = "main"
    dataset_parameter: str = ""
    dataset_format: str = "parquet"
    model: str = ""
    experiment: str = ""
    interpreter: str = ""
    note: str = ""


def register(
    session: Session, store: Store, code: CodeSnapshot, source: str, settings: RecipeSettings
) -> Recipe:
    """Write a recipe, in place of the one of that name. Raises Invalid."""
    _check(settings)
    project = read_project(code.files, settings.entry_point)
    _check_dataset_parameter(project, settings)
    requested = environment_of(project, code.files, settings.interpreter)
    row, now = session.get(Recipe, settings.name), store.now()
    before = None if row is None else _facts(row)
    values: dict[str, Any] = {
        "source": source,
        "commit": code.commit,
        "digest": store.artifacts.put_bytes(code.to_zip()),
        "entry_point": settings.entry_point,
        "command": project.command,
        "parameters": [asdict(parameter) for parameter in project.parameters],
        "environment": requested.to_json(),
        "dataset_parameter": settings.dataset_parameter,
        "dataset_format": settings.dataset_format,
        "model": settings.model,
        "experiment": settings.experiment or settings.name,
        "note": settings.note,
        "updated_at": now,
    }
    if row is None:
        row = Recipe(name=settings.name, created_at=now, created_by=store.actor, **values)
    else:
        for name, value in values.items():
            setattr(row, name, value)
    session.add(row)
    session.flush()
    verb = "registered" if before is None else "changed"
    record(session, store, verb, KIND, row.name, before=before, after=_facts(row))
    return row


def environment_of(
    project: Project, files: Mapping[str, bytes], interpreter: str = ""
) -> EnvironmentRequest:
    """What the code runs in: its own files of requirements, or else Pilothouse's environment.

    Every requirement is installed as it is written, for training needs what predicting does not.
    """
    if interpreter:
        return EnvironmentRequest(kind="named", interpreter=interpreter)
    chosen = {PurePosixPath(path).name: files[path] for path in project.environment_files}
    if not chosen:
        return EnvironmentRequest(kind="house")
    return EnvironmentRequest.from_files(chosen, kind="verbatim")


def require(session: Session, name: str) -> Recipe:
    """The recipe of that name. Raises NotFound."""
    row = session.get(Recipe, name)
    if row is None:
        hint = "`pilothouse recipes list` has every one."
        raise NotFound(f"no recipe {name!r}.", hint=hint)
    return row


def remove(session: Session, store: Store, name: str, reason: str) -> None:
    """Delete a recipe; its runs and the models that it made are kept. Raises NotFound."""
    row = require(session, name)
    record(session, store, "removed", KIND, name, before=_facts(row), reason=reason)
    session.delete(row)


def run(
    session: Session,
    store: Store,
    name: str,
    parameters: Mapping[str, Any],
    dataset: str,
    *,
    job_id: str | None = None,
) -> str:
    """Submit a run of a recipe; the job's id. Raises NotFound, and Invalid for its parameters."""
    row = require(session, name)
    check_run(recipe_info(row), parameters, dataset)
    return submit(
        session,
        store,
        JOB,
        {"recipe": name, "parameters": dict(parameters), "dataset": dataset},
        title=f"Run {name}",
        subject=(KIND, name),
        job_id=job_id,
    )


def check_run(recipe: RecipeInfo, parameters: Mapping[str, Any], dataset: str) -> None:
    """Raise Invalid when a run could not begin with these parameters and this dataset."""
    own = recipe.dataset_parameter
    if own and own in parameters:
        raise Invalid(
            f"{own} takes the file of a dataset.",
            hint="Give the dataset instead.",
            fields={f"parameters.{own}": "the dataset's"},
        )
    default = next((p.default for p in recipe.parameters if p.name == own), None)
    if own and not dataset and default is None:
        raise Invalid(f"{recipe.name} needs a dataset.", fields={"dataset": "needed"})
    if dataset and not own:
        raise Invalid(
            f"{recipe.name} has no parameter for a dataset.",
            hint="Register it again and name the parameter that takes the path of its file.",
            fields={"dataset": "not taken"},
        )
    fill_command(recipe.project, {**parameters, **({own: "-"} if dataset else {})})


def _check(settings: RecipeSettings) -> None:
    RECIPE.check(settings.name)
    if settings.model:
        MODEL.check(settings.model)
    if settings.dataset_format not in FORMATS:
        raise Invalid(
            f"{settings.dataset_format!r} is not a format that datasets are written in.",
            hint=f"Choose {' or '.join(FORMATS)}.",
            fields={"dataset_format": "not one of them"},
        )


def _check_dataset_parameter(project: Project, settings: RecipeSettings) -> None:
    """Whether MLproject declares it; what a Python file takes is not declared anywhere."""
    declared = [parameter.name for parameter in project.parameters]
    chosen = settings.dataset_parameter
    if chosen and not settings.entry_point.endswith(".py") and chosen not in declared:
        raise Invalid(
            f"the entry point has no parameter {chosen!r}.",
            hint=f"It has: {', '.join(declared) or 'none'}.",
            fields={"dataset_parameter": "no such parameter"},
        )


def _facts(row: Recipe) -> dict[str, Any]:
    facts = ("source", "commit", "digest", "command", "dataset_parameter", "model", "environment")
    return {name: getattr(row, name) for name in facts}
