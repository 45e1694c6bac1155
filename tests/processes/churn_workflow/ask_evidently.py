"""What Evidently reads in our export, and which columns it finds changed by its own PSI."""

from __future__ import annotations

import json
import sys
import warnings

import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.metrics import ValueDrift
from evidently.ui.workspace import Workspace

warnings.simplefilter("ignore")
folder, reference, week = sys.argv[1:]
NUMBERS, TEXTS = ["tenure", "charge", "logins", "tickets"], ["plan"]
FAILS = 0.25  # as the limit of our PSI

workspace = Workspace(folder)
[project] = workspace.list_projects()
[run] = [workspace.get_run(project.id, item) for item in workspace.list_runs(project.id)]
exported = {}
for result in json.loads(run.json())["metric_results"].values():
    params = result["metric_value_location"]["metric"]["params"]
    is_psi = params["type"].endswith(":MonitorCheck") and params["check"] == "psi"
    if is_psi and params["column"] in (*NUMBERS, *TEXTS):
        exported[params["column"]] = result["value"]

definition = DataDefinition(numerical_columns=NUMBERS, categorical_columns=TEXTS)
frames = [
    Dataset.from_pandas(frame[[*NUMBERS, *TEXTS]].astype(dict.fromkeys(NUMBERS, float)), definition)
    for frame in (pd.read_csv(week), pd.read_parquet(reference))
]
metrics = [ValueDrift(column=name, method="psi", threshold=FAILS) for name in (*NUMBERS, *TEXTS)]
values = Report(metrics).run(*frames).dict()["metrics"]
scores = dict(zip((*NUMBERS, *TEXTS), (float(item["value"]) for item in values), strict=True))
drifted = [name for name, score in scores.items() if score >= FAILS]
sys.stdout.write(json.dumps({"exported": exported, "scores": scores, "drifted": drifted}))
