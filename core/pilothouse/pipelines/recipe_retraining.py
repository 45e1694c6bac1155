"""Retraining of a model that a recipe's code made: its data, and the proposal of its version.

The code trains on everything that it is given, so the newest rows are kept from it: on them the new
version and the champion are evaluated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlmodel import Session, col, select

from pilothouse.data import Data
from pilothouse.experiments.tables import RunTag
from pilothouse.jobs import Progress
from pilothouse.jobs.tables import Job
from pilothouse.kit.errors import Invalid
from pilothouse.pipelines.recipes.runs import JOB_TAG, recipe_of_run
from pilothouse.pipelines.retraining_policy import RetrainingPolicy
from pilothouse.pipelines.retraining_proposal import (
    EVENT_TIME,
    newest_rows,
    newest_share,
    propose_retrained,
)
from pilothouse.pipelines.tables import Recipe
from pilothouse.registry.evidence import ChampionComparison
from pilothouse.registry.info import VersionInfo
from pilothouse.storage import Store

if TYPE_CHECKING:
    import pandas as pd


def recipe_of(store: Store, champion: VersionInfo) -> str:
    """The recipe whose code made a version, or that names its model; empty without one.

    Raises Invalid: it must take a dataset, and the label must be known by name.
    """
    with store.read() as session:
        name = recipe_of_run(session, champion.run_id) if champion.run_id else ""
        # A champion that its author logged by hand is retrained by the recipe that names its model.
        recipe = session.get(Recipe, name) if name else _recipe_for(session, champion.model)
    if recipe is None:
        return ""
    if not recipe.dataset_parameter:
        raise Invalid(
            f"the recipe {recipe.name} for {champion.ref} takes no dataset.",
            hint="Register it again and name the parameter that takes the path of a dataset.",
        )
    if not champion.signature.target:
        raise Invalid(
            f"the name of the column that {champion.ref} predicts is not known.",
            hint="Describe the answer of the version, then retrain.",
        )
    return recipe.name


def _recipe_for(session: Session, model: str) -> Recipe | None:
    """The recipe that was registered last for a model."""
    query = select(Recipe).where(Recipe.model == model)
    return session.exec(query.order_by(col(Recipe.updated_at).desc()).limit(1)).first()


def recipe_snapshot(
    store: Store,
    deployment: str,
    champion: VersionInfo,
    recipe: str,
    rows: pd.DataFrame,
    policy: RetrainingPolicy,
) -> dict[str, Any]:
    """Dataset versions of labelled rows: those for the code, and the newest by their event time.

    Raises Invalid when one of the two would be empty, and when the policy weighs rows: how much a
    row counts is the code's own business, and one more column might become an input.
    """
    if policy.half_life_days is not None:
        raise Invalid(
            f"the code of the recipe {recipe} cannot be told to weigh rows by their age.",
            hint="Remove half_life_days from the retraining policy, or weigh rows in the code.",
        )
    target = champion.signature.target
    columns = [*champion.signature.names, target]
    at = EVENT_TIME
    newest = _newest(rows[at], policy.held_out_days)
    older = rows.loc[~newest, columns].reset_index(drop=True)
    # With their event times, by which the comparison knows the rows of one day.
    newer = rows.loc[newest, list(dict.fromkeys([*columns, at]))].reset_index(drop=True)
    if older.empty or newer.empty:
        raise Invalid("all labelled predictions are of one instant: none can be kept for judging.")
    span = f"labelled predictions of {deployment}, {rows[at].min():%Y-%m-%d} to {{}}"
    data, parent = Data(store), champion.dataset or None
    trained_on, judged_on = (
        data.register(
            name,
            part,
            origin=span.format(end),
            parent=parent,
            on_breach="accept",
            event_time=event_time,
        )
        for name, part, end, event_time in (
            (f"{deployment}-live", older, f"{rows.loc[~newest, at].max():%Y-%m-%d}", None),
            (f"{deployment}-newest", newer, f"{rows[at].max():%Y-%m-%d}", at),
        )
    )
    return {
        "dataset": trained_on.ref,
        "rows": len(rows),
        "model": champion.model,
        "champion": champion.version,
        "contract": {"dataset": trained_on.ref, "against": champion.dataset, "columns": columns},
        "recipe": {
            "recipe": recipe,
            "parameters": _parameters(store, champion),
            "dataset": trained_on.ref,
        },
        "evaluation": {"dataset": judged_on.ref, "label": target},
    }


def made_version(
    store: Store, progress: Progress, *, model: str, versions: list[str]
) -> dict[str, Any]:
    """The version that the code made of the model. Raises Invalid when it made none."""
    numbers = [int(ref.rpartition("@")[2]) for ref in versions if ref.rpartition("@")[0] == model]
    if not numbers:
        raise Invalid(
            f"the code has registered no version of {model}.",
            hint=f"Register it in the code, or name {model} as the model of the recipe.",
        )
    return {"version": numbers[-1]}


def propose_version(
    store: Store,
    progress: Progress,
    *,
    model: str,
    version: int,
    champion: int,
    evaluations: dict[str, dict[str, Any]],
    reason: str,
    dataset: str = "",
) -> dict[str, Any]:
    """Leave the promotion of a version, with both evaluations, to a person.

    `dataset` is what both were evaluated on: its event times give the difference an interval.
    """
    from pilothouse.pipelines.champion_comparison import compare_evaluations

    challenger = evaluations["challenger"]
    interval = compare_evaluations(
        store, challenger["run"], evaluations["champion"]["run"], dataset
    )
    evidence = ChampionComparison(
        against=f"{model}@{champion}",
        candidate=challenger["metrics"],
        champion=evaluations["champion"]["metrics"],
        rows=newest_rows(challenger["rows"]),
        interval=interval,
    )
    return propose_retrained(store, f"{model}@{version}", evidence, challenger["run"], reason)


def _newest(times: pd.Series[Any], days: int) -> pd.Series[Any]:
    """Which rows are of the last days, or of the newest twentieth to half when that is too few."""
    return times > times.quantile(1 - newest_share(times, days))


def _parameters(store: Store, champion: VersionInfo) -> dict[str, Any]:
    """The parameters that the champion's code was run with."""
    with store.read() as session:
        tag = session.get(RunTag, (champion.run_id or "", JOB_TAG))
        job = session.get(Job, tag.value) if tag else None
    return dict((job.args.get("parameters") if job else None) or {})
