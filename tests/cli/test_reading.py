"""Every command that reads, on a workspace in which something of each noun exists."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness.policies import set_gates
from pilothouse.cli import main
from pilothouse.deployments.prediction_log import log
from pilothouse.deployments.prediction_log.journal import Journal
from pilothouse.registry.policy import GateRule
from pilothouse.training import TrainingSpec
from pilothouse.workspace import Workspace, open_workspace

ROWS = 300
BEGIN = pd.Timestamp("2026-01-05", tz="UTC")


@dataclass(frozen=True)
class Populated:
    """A workspace with one of each noun, and their ids by the names that tests use."""

    folder: Path
    ids: dict[str, str]


@pytest.fixture(scope="module")
def populated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Populated]:
    folder = tmp_path_factory.mktemp("populated") / "workspace"
    ws = open_workspace(folder)
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"size": rng.normal(size=ROWS), "town": rng.choice(["a", "b"], ROWS)})
    frame["late"] = (frame["size"] + rng.normal(size=ROWS) > 0.5).astype(int)
    ws.data.register("sales", frame)
    ws.data.register("sales", frame.assign(size=frame["size"] + 0.01))
    runs = [_train(ws, trainer) for trainer in ("logistic_regression", "random_forest")]
    set_gates(ws, "staging", [GateRule("has_contract")])
    for run in runs:
        ws.registry.register("late", run)
    ws.registry.promote("late", 1, "staging", "first")
    proposed = ws.registry.propose("late", 2, "staging", "newer")

    ws.deployments.launch("shop", "late", 1, "go")
    _predict(ws, frame)
    ws.monitoring.monitor("shop", min_rows=10, min_labelled=10)
    end = BEGIN + pd.Timedelta(days=7)
    window = ws.monitoring.evaluate("shop", BEGIN.to_pydatetime(), end.to_pydatetime())
    job = ws.jobs.submit("evaluate_windows", {"deployment": "shop"}, title="Evaluate shop")
    ws.jobs.add_schedule("weekly", "0 3 * * 1", "evaluate_windows", {}, title="Evaluate")
    view = ws.experiments.save_view("good", {"query": "late"})
    ids = {
        "RUN": runs[0],
        "OTHER": runs[1],
        "WINDOW": window,
        "JOB": job,
        "PROMOTION": proposed.id,
        "VIEW": str(view.id),
    }
    yield Populated(folder, ids)
    ws.store.engine.dispose()


def _train(ws: Workspace, trainer: str) -> str:
    spec = TrainingSpec(
        "sales@1", "late", trainer=trainer, folds=0, evaluation="held_out", name=trainer
    )
    return ws.training.train_now(spec)


def _predict(ws: Workspace, frame: pd.DataFrame) -> None:
    """Log a prediction for each row, and what came true."""
    signature = ws.deployments.signature("shop")
    journal = Journal(log.journal_folder(ws.store.folder, "shop"))
    ids = [f"p{row}" for row in range(ROWS)]
    at = int(BEGIN.timestamp() * 1000)
    line = {"at": journal.stamp(), "version": 1, "rows": ROWS, "ms": 1.0, "status": 200}
    columns = {name: frame[name].tolist() for name in ("size", "town")}
    score = (1 / (1 + np.exp(-frame["size"]))).tolist()
    about = {"ids": ids, "model": "late", "event": [at + 1000 * row for row in range(ROWS)]}
    journal.predictions(1, signature, line | about | {"score": score, "columns": columns})
    journal.seal()
    ws.deployments.label("shop", ids, frame["late"].tolist())


READS = {
    "datasets list": "sales@2",
    "datasets show sales@1": "town",
    "datasets versions sales": "sales@1",
    "datasets profile sales": "size",
    "datasets diff sales@1 sales@2": "size",
    "datasets contract sales": "rows may break a rule",
    "datasets uses sales@1": "late@1",
    "experiments list": "default",
    "experiments show default": "runs: 2",
    "experiments tree": "default",
    "experiments metrics": "roc_auc",
    "experiments params": "max_depth",
    "experiments tags": "",
    "experiments fields": "metrics.roc_auc",
    "experiments facets": "random_forest",
    "experiments views": "good",
    "runs list --sort metrics.roc_auc --limit 1": "roc_auc",
    "runs count": "2",
    "runs show RUN": "metrics.roc_auc",
    "runs compare RUN OTHER": "roc_auc",
    "runs metrics RUN": "roc_auc",
    "runs files RUN": "spec.json",
    "runs ancestors RUN": "",
    "runs descendants RUN": "",
    "runs logged-models RUN": "",
    "runs sources RUN": "",
    "runs groups --by trainer --column metrics.roc_auc": "random_forest",
    "runs at-threshold RUN OTHER": "threshold",
    "runs disagreements RUN OTHER": "share",
    "runs disagreeing-rows OTHER RUN": "target",
    "runs slices RUN --min-rows 5": "town",
    "runs code-diff RUN OTHER": "",
    "runs param-importance roc_auc": "",
    "trainers list": "random_forest",
    "trainers show random_forest": "max_depth",
    "train sales late --dry-run": "rows",
    "models list": "late",
    "models versions late": "staging",
    "models show late 1": "late@1",
    "models champion late": "no champion",
    "models in-production": "",
    "models of-run RUN": "late@1",
    "models promotions": "pending",
    "models promotion PROMOTION": "has_contract",
    "models assess late 2 staging": "has_contract",
    "policies list": "has_contract",
    "policies show staging": "has_contract",
    "policies applicable late staging": "it is for all models",
    "policies history staging": "has_contract",
    "policies export": "has_contract",
    "models history late": "staging",
    "deployments list": "shop",
    "deployments show shop": "late",
    "deployments signature shop": "town",
    "deployments serving late": "shop",
    "deployments predictions shop --limit 3": "p299",
    "deployments labels shop": "p0",
    "deployments logs shop": "",
    "deployments traffic shop": "",
    "monitors list": "shop",
    "monitors show shop": "period: week",
    "monitors windows shop": "shop",
    "monitors window WINDOW": "rows: 300",
    "monitors results WINDOW": "size",
    "monitors drift WINDOW": "town",
    "monitors explain WINDOW": "expected",
    "monitors timeline shop": "",
    "monitors replay shop": "now: 0 alerts",
    "monitors distributions WINDOW size": "",
    "monitors documents WINDOW": "",
    "monitors metrics shop": "roc_auc",
    "monitors trend shop roc_auc": "",
    "monitors performance shop": "",
    "monitors reports WINDOW": "",
    "alerts list": "",
    "alerts rules list": "performance",
    "jobs list": "Evaluate shop",
    "jobs show JOB": "queued",
    "jobs logs JOB": "",
    "schedules list": "weekly",
    "attention list": "late",
    "activity list --kind deployment": "launched",
    "activity facets": "launched",
    "activity verify": "entries",
}


def ask(
    populated: Populated,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *words: str,
) -> str:
    """What a command prints that has to end well."""
    line = ["pilothouse", *words, "--workspace", str(populated.folder)]
    monkeypatch.setattr(sys, "argv", line)
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capsys.readouterr()
    assert ended.value.code in (0, None), err
    return out


@pytest.mark.parametrize("line", READS)
def test_it_answers_people_and_programs(
    populated: Populated,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    line: str,
) -> None:
    arguments = [populated.ids.get(word, word) for word in line.split()]
    text = ask(populated, monkeypatch, capsys, *arguments)
    assert READS[line] in text
    assert "object at 0x" not in text
    value: Any = json.loads(ask(populated, monkeypatch, capsys, *arguments, "--json"))
    assert "object at 0x" not in json.dumps(value)
