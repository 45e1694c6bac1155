"""The steps of a retraining, as a child process runs them. Each may be repeated after a kill."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pilothouse.activity.actors import RETRAINING
from pilothouse.data import ContractBreach, Data
from pilothouse.deployments import Deployments
from pilothouse.deployments.controller.trial import try_version
from pilothouse.deployments.prediction_log import log
from pilothouse.experiments import Experiments
from pilothouse.jobs import Progress
from pilothouse.kit.clock import from_ms
from pilothouse.kit.errors import Conflict, Invalid, NotFound
from pilothouse.models.signature import Signature
from pilothouse.models.tasks import task_of
from pilothouse.pipelines.paired_interval import interval_text
from pilothouse.pipelines.recipe_retraining import recipe_of, recipe_snapshot
from pilothouse.pipelines.retraining_policy import WEEKS, RetrainingPolicy, require_on
from pilothouse.pipelines.retraining_proposal import (
    EVENT_TIME,
    newest_rows,
    newest_share,
    propose_retrained,
)
from pilothouse.registry import Registry
from pilothouse.registry.evidence import ChampionComparison
from pilothouse.registry.info import VersionInfo
from pilothouse.storage import Store
from pilothouse.training import TrainingSpec
from pilothouse.training.spec import HELD_OUT

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)
SPEC = "spec.json"


def snapshot(
    store: Store, progress: Progress, *, deployment: str, weeks: int | None, until_ms: int | None
) -> dict[str, Any]:
    """Make a dataset version of the labelled predictions that the policy asks for; what to train.

    `weeks`, where they are given, go before the policy's rows. Raises Invalid when there are too
    few labelled rows, Conflict when the policy is off. The answer names the dataset, the champion,
    the arguments of `check_contract`, and a spec whose newest days are held out; of a version that
    a recipe's code made, the arguments of its run and of the evaluations instead.
    """
    policy = _policy(store, deployment, weeks)
    champion = _champion(store, deployment)
    recipe = recipe_of(store, champion)
    spec = None if recipe else champion_spec(store, champion)
    progress(0.1, "reading labelled predictions")
    rows = _labelled(store, deployment, champion, policy, until_ms)
    if spec is None:
        return recipe_snapshot(
            store, deployment, champion, recipe, as_trained(rows, champion.signature), policy
        )
    return _spec_snapshot(store, deployment, champion, spec, rows, policy)


def _policy(store: Store, deployment: str, weeks: int | None) -> RetrainingPolicy:
    """The deployment's policy, with these weeks in the place of its rows where they are given."""
    with store.read() as session:
        policy = require_on(session, deployment)
    return replace(policy, rows=WEEKS, weeks=weeks) if weeks else policy


def _spec_snapshot(
    store: Store,
    deployment: str,
    champion: VersionInfo,
    spec: TrainingSpec,
    rows: pd.DataFrame,
    policy: RetrainingPolicy,
) -> dict[str, Any]:
    first, last = rows[EVENT_TIME].min(), rows[EVENT_TIME].max()
    columns = [*_inputs(champion), spec.target, EVENT_TIME]
    version = Data(store).register(
        f"{deployment}-live",
        as_trained(rows[columns], champion.signature),
        origin=f"labelled predictions of {deployment}, {first:%Y-%m-%d} to {last:%Y-%m-%d}",
        parent=champion.dataset or None,
        event_time=EVENT_TIME,
        # The next step checks it against the contract of the champion's data.
        on_breach="accept",
    )
    logger.info("%d labelled rows became %s", len(rows), version.ref)
    new_spec = replace(
        spec,
        dataset=version.ref,
        features=tuple(_inputs(champion)),
        groups=None,  # the log holds no other columns than the inputs
        split="time",
        evaluation=HELD_OUT,  # the champion has not seen these days, but may have seen the others
        time_column=EVENT_TIME,
        test_share=newest_share(rows[EVENT_TIME], policy.held_out_days),
        half_life_days=policy.half_life_days,
        trials=0,
        name=f"retrained-{last:%Y-%m-%d}",
        note=f"retrained on {version.ref} after {champion.ref}",
    )

    return {
        "dataset": version.ref,
        "rows": len(rows),
        "model": champion.model,
        "champion": champion.version,
        "contract": {"dataset": version.ref, "against": champion.dataset, "columns": columns},
        "spec": new_spec.to_json(),
    }


def check_contract(
    store: Store, progress: Progress, *, dataset: str, against: str, columns: list[str]
) -> dict[str, Any]:
    """Check the snapshot against the contract of the champion's data.

    Raises ContractBreach when it breaks it. Its remedy is the arguments of `Data.accept_data`:
    once somebody has accepted the data, or edited the contract, the job is run again from here.
    """
    if not against:
        logger.warning("the champion's data is not known here, so there is no contract to check")
        return {"checked": 0, "failures": 0}

    data = Data(store)
    names = [name for name in columns if name != EVENT_TIME]
    report = data.check(against, data.frame(dataset, names), columns=names)
    if not report.ok:
        breach = ContractBreach(
            f"{dataset} breaks the contract of {against}: {report.message}",
            report,
            hint="If the source of the data is at fault, repair it. If the data is right, accept "
            f"it into the contract of {against}, or edit the contract; then run the job again.",
        )
        breach.remedy = {"kind": "contract", "ref": against, "data": dataset, "columns": names}
        raise breach

    return {"checked": len(names), "failures": 0}


def compare(
    store: Store, progress: Progress, *, run: str, model: str, champion: int, dataset: str = ""
) -> dict[str, Any]:
    """Score the held-out (newest) rows with the champion too: the metrics of both on these rows.

    `dataset` is what was trained on; with it the difference has an interval from whole days.
    """
    from pilothouse.pipelines.champion_comparison import compare_with_champion

    version = Registry(store).version(model, champion)
    compared = compare_with_champion(store, run, version, progress, dataset).to_json()
    logger.info(
        "%(metric)s on %(rows)d newest rows: champion %(champion)s, challenger %(challenger)s",
        compared,
    )
    if text := interval_text(compared["interval"]):
        logger.info("%s: %s", compared["metric"], text)
    return compared


def propose(
    store: Store,
    progress: Progress,
    *,
    run: str,
    model: str,
    compared: dict[str, Any],
    champion: int,
    reason: str,
) -> dict[str, Any]:
    """Register the run's model and leave its promotion, with the comparison, to a person."""
    registry = Registry(store.acting_as(RETRAINING), try_version)
    version = registry.register(model, run)
    evidence = ChampionComparison(
        against=f"{model}@{champion}",
        candidate=compared["metrics"]["challenger"],
        champion=compared["metrics"]["champion"],
        rows=newest_rows(compared["rows"]),
        interval=compared.get("interval"),  # None in jobs of a release before
    )
    return propose_retrained(store, version.ref, evidence, run, reason)


def as_trained(rows: pd.DataFrame, signature: Signature) -> pd.DataFrame:
    """Rows of the prediction log with times as a dataset has them: the log keeps milliseconds."""
    import pandas as pd

    times = {
        field.name: pd.to_datetime(rows[field.name], unit="ms", utc=True)
        for field in signature.inputs
        if field.type == "time" and pd.api.types.is_numeric_dtype(rows[field.name])
    }
    return rows.assign(**times)


def reason_against(store: Store, deployment: str) -> str:
    """Why a deployment's model cannot be retrained, whatever its labels are; empty when it can."""
    try:
        champion = _champion(store, deployment)
        if not recipe_of(store, champion):
            champion_spec(store, champion)
    except (Conflict, Invalid) as refused:
        return str(refused)
    return ""


def check_replayable(store: Store, deployment: str) -> None:
    """Raises Conflict unless the trainers of Pilothouse can train a deployment's model again."""
    champion = _champion(store, deployment)
    if recipe := recipe_of(store, champion):
        raise Conflict(
            f"a backtest trains with the trainers of Pilothouse; {champion.ref} was made by the "
            f"recipe {recipe}.",
        )
    champion_spec(store, champion)


def _champion(store: Store, deployment: str) -> VersionInfo:
    """The model's champion, or the version that serves while there is none."""
    served, registry = Deployments(store).deployment(deployment), Registry(store)
    return registry.champion(served.model) or registry.version(served.model, served.version)


def champion_spec(store: Store, champion: VersionInfo) -> TrainingSpec:
    """What a version was trained with. Raises Conflict when that is not known."""
    try:
        spec = Experiments(store).artifact(champion.run_id or "", SPEC)
    except NotFound as missing:
        raise Conflict(
            f"{champion.ref} was trained elsewhere, and no recipe names its model: how it is "
            "trained is not known.",
            hint="Register its training code as a recipe of the model, or promote a version that "
            "was trained here.",
        ) from missing
    return TrainingSpec.from_json(json.loads(spec))


def _inputs(version: VersionInfo) -> list[str]:
    return [field.name for field in version.signature.inputs]


def _labelled(
    store: Store,
    deployment: str,
    champion: VersionInfo,
    policy: RetrainingPolicy,
    until_ms: int | None,
) -> pd.DataFrame:
    """Predictions of the window that have a label: the inputs, the target and the event time.

    Labels are what the champion's task reads of them: a deployment's log may hold a number as text.
    Raises Invalid when they are fewer than the policy asks for.
    """
    deployments, signature = Deployments(store), champion.signature
    labels = deployments.labels(deployment)[["prediction_id", "label"]].dropna()
    until = from_ms(until_ms) if until_ms is not None else _end(store, deployment, labels)
    rows = deployments.predictions(deployment, policy.start(until), until)
    named = {log.feature_column(name): name for name in signature.names}
    columns = ["prediction_id", EVENT_TIME, *named]
    inputs = rows[list(dict.fromkeys(columns))].rename(columns=named)

    meanings = labels.set_index("prediction_id")["label"].map(
        lambda value: task_of(signature).read_label(signature, value)
    )
    target = inputs["prediction_id"].map(meanings.infer_objects())
    joined = inputs.assign(**{signature.target: target}).dropna(subset=[signature.target])
    _check_enough(deployment, policy, len(joined), len(inputs))
    return joined.sort_values([EVENT_TIME, "prediction_id"])


def _check_enough(deployment: str, policy: RetrainingPolicy, labelled: int, rows: int) -> None:
    hint = "Post labels, or change the rows of the retraining policy."
    if labelled < policy.min_rows:
        raise Invalid(
            f"{deployment!r} has {labelled} labelled predictions in {policy.rows_text}; "
            f"{policy.min_rows} are needed.",
            hint=hint,
        )
    if labelled < policy.min_labelled_share * rows:
        raise Invalid(
            f"{labelled / rows:.0%} of the predictions of {deployment!r} in {policy.rows_text} "
            f"have a label; {policy.min_labelled_share:.0%} are needed.",
            hint=hint,
        )


def _end(store: Store, deployment: str, labels: pd.DataFrame) -> datetime:
    """Just after the newest labelled event; one that claims to lie in the future is not counted."""
    events = Deployments(store).predictions(deployment, columns=["prediction_id", EVENT_TIME])
    labelled = events.loc[events["prediction_id"].isin(labels["prediction_id"]), EVENT_TIME]
    past = labelled[labelled <= store.now()]
    if past.empty:
        return store.now()
    end: datetime = past.max().to_pydatetime() + timedelta(microseconds=1)
    return end
