"""Very many runs at once, straight into the tables: for tests and benchmarks of what reads them.

Nothing here is an activity and no point of a history is written: a run has its summaries.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from sqlalchemy import insert, select
from sqlmodel import col

from pilothouse.experiments.tables import (
    CANCELLED,
    FAILED,
    FINISHED,
    Experiment,
    KnownKey,
    Param,
    Run,
    RunMetric,
    RunTag,
)
from pilothouse.storage import Store

BLOCK = 2_000
EXPERIMENTS = (
    "flights/late arrivals",
    "flights/cancelled",
    "vision/cats/small",
    "vision/cats/large",
    "vision/dogs",
    "speech",
)
TRAINERS = ("random_forest", "logistic_regression", "hist_gradient_boosting")
METRICS = ("roc_auc", "average_precision", "log_loss", "brier", "f1", "fit_seconds")
PARAMS = ("learning_rate", "max_depth", "l2", "config", "kind")
TAGS = ("team", "pilothouse.starred")
LOWER = {"log_loss", "brier", "fit_seconds"}
SEEDS = 5
CHILDREN = 4  # under every tenth run


def launch_fleet(store: Store, runs: int, seed: int = 7) -> list[str]:
    """Write this many ended runs over a year into a store; their ids, the newest first."""
    chance, made = random.Random(seed), []
    with store.write() as session:
        numbers = _experiments(store, session)
        session.execute(insert(KnownKey), [*_keys(numbers)])
        connection = session.connection()
        for block in _blocks(store, chance, runs, numbers):
            for table, rows in block.items():
                connection.execute(insert(table), rows)
            made += [row["id"] for row in block[Run]]
    if store.is_sqlite:
        with store.engine.connect() as connection:
            connection.exec_driver_sql("ANALYZE")
    return made[::-1]


def _experiments(store: Store, session: Any) -> list[int]:
    now = store.now()
    rows = [{"name": name, "created_at": now, "created_by": "fleet"} for name in EXPERIMENTS]
    session.execute(insert(Experiment), rows)
    existing = session.execute(select(col(Experiment.name), col(Experiment.id))).all()
    numbers = {row[0]: row[1] for row in existing}
    return [numbers[name] for name in EXPERIMENTS]


def _keys(numbers: list[int]) -> Iterator[dict[str, Any]]:
    for kind, keys in (("metric", METRICS), ("param", PARAMS), ("tag", TAGS)):
        for number in numbers:
            yield from ({"experiment_id": number, "kind": kind, "key": key} for key in keys)


Rows = dict[Any, list[dict[str, Any]]]


def _blocks(store: Store, chance: random.Random, runs: int, numbers: list[int]) -> Iterator[Rows]:
    now, step = store.now(), timedelta(days=365) / max(1, runs)
    parent = ""
    for start in range(0, runs, BLOCK):
        block: Rows = {Run: [], Param: [], RunMetric: [], RunTag: []}
        for index in range(start, min(runs, start + BLOCK)):
            run = f"{chance.getrandbits(128):032x}"
            above = parent if index % 10 <= CHILDREN and index % 10 else None
            parent = run if index % 10 == 0 else parent
            _add(block, chance, run, above, index, now - (runs - index) * step, numbers)
        yield block


def _add(
    block: Rows,
    chance: random.Random,
    run: str,
    parent: str | None,
    index: int,
    at: Any,
    numbers: list[int],
) -> None:
    trainer, config = chance.choice(TRAINERS), index // SEEDS
    status = chance.choices((FINISHED, FAILED, CANCELLED), (90, 8, 2))[0]
    block[Run].append(
        {
            "id": run,
            "experiment_id": numbers[config % len(numbers)],
            "name": f"{trainer.replace('_', '-')}-{index}",
            "status": status,
            "created_at": at,
            "started_at": at,
            "ended_at": at + timedelta(seconds=chance.uniform(5, 900)),
            "parent_id": parent,
            "user": chance.choice(("ada", "ben", "cho")),
            "source": "fleet",
            "seed": index % SEEDS,
            "trainer": trainer,
            "note": "",
            "error": "",
        }
    )
    params = {
        "learning_rate": round(10 ** chance.uniform(-4, 0), 5),
        "max_depth": chance.randint(2, 16),
        "l2": chance.choice((0.0, 0.1, 1.0)),
        "config": config,
    }
    block[Param] += [
        {"run_id": run, "key": key, "value": str(value), "number": float(value)}
        for key, value in params.items()
    ]
    block[Param].append(
        {"run_id": run, "key": "kind", "value": chance.choice(("tree", "line")), "number": None}
    )
    block[RunMetric] += [_summary(run, key, chance, at) for key in METRICS]
    if index % 7 == 0:
        block[RunTag].append(
            {"run_id": run, "key": "team", "value": chance.choice(("north", "south"))}
        )
    if index % 500 == 0:
        block[RunTag].append({"run_id": run, "key": "pilothouse.starred", "value": "yes"})


def _summary(run: str, key: str, chance: random.Random, at: Any) -> dict[str, Any]:
    last, spread = chance.uniform(0.5, 0.95), chance.uniform(0, 0.05)
    low, high = last - spread, last + spread
    return {
        "run_id": run,
        "key": key,
        "first": low,
        "first_step": 0,
        "first_at": at,
        "last": last,
        "last_step": 99,
        "last_at": at,
        "min": low,
        "max": high,
        "best": low if key in LOWER else high,
        "best_step": 60,
        "count": 100,
    }
