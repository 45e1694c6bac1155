"""The flights demo, step by step, as a child process runs it. Each step may be repeated.

The task: will this flight arrive more than 15 minutes late, from what is known before departure.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pilothouse.data import Data, samples
from pilothouse.deployments import Deployments
from pilothouse.experiments import Experiments
from pilothouse.jobs import Progress
from pilothouse.kit.clock import from_ms, to_ms
from pilothouse.monitoring import Monitoring
from pilothouse.pipelines import demo_service, evaluation
from pilothouse.pipelines.replay import ReplayClient
from pilothouse.pipelines.replay_columns import batches, seeded_ids, tensors, to_millis
from pilothouse.registry import Registry
from pilothouse.storage import Store
from pilothouse.training import TrainingSpec

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)
DATASET = MODEL = DEPLOYMENT = "flights-late"
TARGET, WHEN = samples.FLIGHT_LABEL, samples.FLIGHT_TIME
KNOWN_AT, NAME = samples.FLIGHT_LABEL_AT, samples.FLIGHT_ID
FIRST_SENT = 3
WEEK = timedelta(weeks=1)
START = datetime(2013, 2, 25, tzinfo=UTC)
TRIALS = {"logistic_regression": 4, "random_forest": 4, "hist_gradient_boosting": 5}


def weeks() -> list[int]:
    """The Mondays (ms since the epoch, UTC) of the weeks in which the sent flights depart."""
    last = _flights()[WHEN].max().to_pydatetime()
    return [to_ms(START + n * WEEK) for n in range((last - START) // WEEK + 1)]


def register(store: Store, progress: Progress) -> dict[str, Any]:
    """Register the flights of January and February as a dataset version."""
    frame = _flights()
    progress(0.3, "registering the flights of January and February")
    early = frame.loc[frame["month"] < FIRST_SENT, [WHEN, *samples.FLIGHT_FEATURES, TARGET]]
    version = Data(store).register(
        DATASET,
        early,
        origin=f"New York, January and February 2013; {samples.FLIGHTS_ORIGIN}",
        licence=samples.FLIGHTS_LICENCE,
        tags={"demo": "flights"},
        event_time=WHEN,
    )
    return {"dataset": version.ref, "weeks": weeks()}


def specs(dataset: str) -> list[dict[str, Any]]:
    """A search for each trainer, judged on the newest fifth: shared weather flatters any other."""
    return [
        TrainingSpec(
            dataset=dataset,
            target=TARGET,
            split="time",
            trainer=trainer,
            trials=trials,
            experiment="flights/late arrivals",
            name=trainer.replace("_", "-"),
            seed=2013,
        ).to_json()
        for trainer, trials in TRIALS.items()
    ]


def put_into_service(store: Store, progress: Progress, *, run: str) -> dict[str, Any]:
    """Register the best run, promote it to production, deploy it and wait until it answers."""
    return demo_service.put_into_service(store, progress, MODEL, DEPLOYMENT, run)


def send_week(store: Store, progress: Progress, *, week_ms: int, is_last: bool) -> dict[str, Any]:
    """Send the flights that depart in a week, and the labels that become known in it; evaluate it.

    The week before is evaluated again, for some of its labels came after its end.
    """
    client = ReplayClient(store.run_folder)
    start, end = from_ms(week_ms), from_ms(week_ms) + WEEK
    sent = departing(START, end)
    leaving = sent[sent[WHEN] >= start]
    labelled_rows = sent[sent[TARGET].notna() & (sent[KNOWN_AT] >= start)]
    labelled_rows = labelled_rows if is_last else labelled_rows[labelled_rows[KNOWN_AT] < end]
    progress(0.1, f"{start:%d %b}: {len(leaving):,} flights")
    predicted = sum(_predict(client, part) for part in batches(leaving))
    labelled = sum(_label(client, part) for part in batches(labelled_rows))
    client.close()
    progress(0.6, f"{start:%d %b}: evaluating")
    windows = [start - WEEK, start] if start > START else [start]
    results = [
        evaluation.evaluate(
            store, progress, deployment=DEPLOYMENT, start_ms=to_ms(at), end_ms=to_ms(at + WEEK)
        )
        for at in windows
    ]
    log.info("%s: %d predictions, %d labels", f"{start:%Y-%m-%d}", predicted, labelled)
    jobs = [job for result in results for job in result["jobs"]]

    return {"predictions": predicted, "labels": labelled, "jobs": jobs}


def summary(store: Store, progress: Progress) -> dict[str, Any]:
    """The results of the demo, counted in the workspace."""
    deployments, monitoring = Deployments(store), Monitoring(store)
    registry = Registry(store)
    champion = registry.champion(MODEL)
    rows = deployments.predictions(DEPLOYMENT, columns=["prediction_id", "event_at", "score"])
    labels = deployments.labels(DEPLOYMENT)
    alerts = monitoring.alerts()

    return {
        "runs": Experiments(store).count(),
        "versions": len(registry.versions(MODEL)),
        "champion": f"{MODEL}@{champion.version}" if champion else None,
        "deployment": DEPLOYMENT,
        "predictions": len(rows),
        "labels": len(labels),
        "windows": len(monitoring.windows(DEPLOYMENT)),
        "alerts_fired": int(alerts["fired_at"].notna().sum()),
        "pending_promotions": len(registry.promotions("pending")),
        "auc_by_month": _auc_by_month(rows, labels),
    }


def departing(start: datetime, end: datetime) -> pd.DataFrame:
    """The flights from March on that are to depart in a span."""
    frame = _flights()
    selected = (frame["month"] >= FIRST_SENT) & (frame[WHEN] >= start) & (frame[WHEN] < end)
    return frame[selected]


@lru_cache(maxsize=1)
def _flights() -> pd.DataFrame:
    import pandas as pd

    return pd.read_parquet(samples.flights())


def _predict(client: ReplayClient, rows: pd.DataFrame) -> int:
    return client.predict(
        DEPLOYMENT, tensors(rows[list(samples.FLIGHT_FEATURES)]), _ids(rows), to_millis(rows[WHEN])
    )


def _label(client: ReplayClient, rows: pd.DataFrame) -> int:
    labels = rows[TARGET].astype(int).tolist()
    return client.label(DEPLOYMENT, _ids(rows), labels, to_millis(rows[KNOWN_AT]))


def _ids(rows: pd.DataFrame) -> list[str]:
    """A prediction id for each flight, the same each time: a repeated step is counted once."""
    return seeded_ids(rows[WHEN], rows[NAME])


def _auc_by_month(rows: pd.DataFrame, labels: pd.DataFrame) -> dict[str, float]:
    """ROC AUC of what was predicted live, by the month of departure in New York."""
    from sklearn.metrics import roc_auc_score

    joined = rows.merge(labels[["prediction_id", "label"]].dropna(), on="prediction_id")
    local = joined["event_at"].dt.tz_convert("America/New_York")
    groups = joined.groupby(local.dt.month)
    return {
        f"2013-{month:02d}": round(
            float(roc_auc_score(part["label"].astype(int), part["score"])), 4
        )
        for month, part in groups
    }
