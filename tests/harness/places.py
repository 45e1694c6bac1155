"""Every screen of the app, and each of its views, as addresses of one workspace's objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlencode

if TYPE_CHECKING:
    from pilothouse.workspace import Workspace

Params = Mapping[str, str]


@dataclass(frozen=True)
class Place:
    """A screen or a view of one; `shows` names tables, charts and words that stand there."""

    page: str
    of: Callable[[Workspace], Params] = lambda _workspace: {}
    view: Params = field(default_factory=dict)
    shows: tuple[str, ...] = ()

    def address(self, workspace: Workspace) -> str:
        """Its address in a workspace."""
        params = {**self.of(workspace), **self.view}
        return f"/{self.page}?{urlencode(params)}" if params else f"/{self.page}"


def model(workspace: Workspace) -> Params:
    """The model with the most versions."""
    known = workspace.registry.models().sort_values("versions")
    return {"name": str(known["name"].iloc[-1])}


def version(workspace: Workspace) -> Params:
    """The champion."""
    champion = workspace.registry.champion(model(workspace)["name"])
    assert champion is not None
    return {"ref": champion.ref}


def newest_version(workspace: Workspace) -> Params:
    """The version that no decision has moved yet, or the newest."""
    name = model(workspace)["name"]
    return {"ref": f"{name}@{workspace.registry.versions(name)['version'].max()}"}


def run(workspace: Workspace) -> Params:
    """The champion's run."""
    champion = workspace.registry.champion(model(workspace)["name"])
    assert champion is not None
    return {"id": str(champion.run_id)}


def dataset(workspace: Workspace) -> Params:
    """What the champion was trained on."""
    trained = workspace.experiments.run(run(workspace)["id"]).inputs
    return {"ref": next(one.dataset for one in trained if one.role != "reference")}


def search(workspace: Workspace) -> Params:
    """The search of parameters that the champion's run was a trial of."""
    return {"id": str(workspace.experiments.run(run(workspace)["id"]).parent_id)}


def compared(workspace: Workspace) -> Params:
    """The champion's run and three others."""
    champion = run(workspace)["id"]
    runs = workspace.experiments.runs(sort="metrics.roc_auc", size=100)
    among = runs["experiment"] == workspace.experiments.run(champion).experiment
    others = [str(each) for each in runs[among]["id"].head(8) if each != champion]
    return {"runs": ",".join([champion, *others[::2]]), "baseline": champion}


def promotion(workspace: Workspace) -> Params:
    """The promotion that waits, or the newest."""
    known = workspace.registry.promotions()
    waiting = known[known["status"] == "pending"]
    return {"id": str((waiting if len(waiting) else known)["id"].iloc[0])}


def deployment(workspace: Workspace) -> Params:
    """The deployment that was launched first."""
    known = workspace.deployments.deployments().sort_values("created_at")
    return {"name": str(known["name"].iloc[0])}


def window(workspace: Workspace) -> Params:
    """A window with labels and drift."""
    known = workspace.monitoring.windows(deployment(workspace)["name"])
    judged = known[known["value"].notna()].sort_values("drifted")
    return {"id": str(judged["id"].iloc[-1])}


def alert(workspace: Workspace) -> Params:
    """An alert that has fired, the newest one."""
    known = workspace.monitoring.alerts()
    return {"id": str(known[known["fired_at"].notna()]["id"].iloc[0])}


def report(workspace: Workspace) -> Params:
    """A report that has been made."""
    windows = workspace.monitoring.windows(deployment(workspace)["name"])["id"]
    made = [one.id for each in windows for one in workspace.monitoring.reports(each) if one.digest]
    return {"id": made[0]}


def job(workspace: Workspace) -> Params:
    """The job with the most steps: the demo."""
    return {"id": str(workspace.pipelines.demo_job())}


PLACES: Mapping[str, Place] = {
    "home": Place("", shows=("Deployments and their health", "Latest runs", "Traffic")),
    "attention": Place("attention", shows=("Needs a person",)),
    "data": Place("data", shows=("Datasets", "Columns and their statistics")),
    "dataset": Place("dataset", dataset, shows=("Columns and their statistics", "Licence")),
    "dataset-rows": Place("dataset", dataset, {"dataset_view": "Rows"}),
    "dataset-exploration": Place("dataset", dataset, {"dataset_view": "Exploration"}),
    "dataset-contract": Place(
        "dataset", dataset, {"dataset_view": "Contract"}, ("Rules of the contract",)
    ),
    "dataset-versions": Place(
        "dataset", dataset, {"dataset_view": "Versions"}, ("Versions of the dataset",)
    ),
    "dataset-runs": Place("dataset", dataset, {"dataset_view": "Runs"}, ("Runs on this version",)),
    "experiments": Place("experiments", shows=("Runs",)),
    "experiments-tree": Place("experiments", view={"runs_view": "tree"}, shows=("Runs",)),
    "experiments-groups": Place(
        "experiments",
        view={"runs_view": "groups", "runs_by": "trainer"},
        shows=("Groups of runs",),
    ),
    "experiments-differ": Place("experiments", view={"runs_differ": "yes"}, shows=("Runs",)),
    "experiments-filtered": Place(
        "experiments",
        view={"runs_filter": "metrics.roc_auc > 0.6", "runs_sort": "metrics.roc_auc"},
        shows=("Runs",),
    ),
    "experiments-wrong": Place(
        "experiments",
        view={"runs_filter": "metrics.roc_auc > 'high'"},
        shows=("The filter cannot be used",),
    ),
    "experiments-archive": Place("experiments", view={"runs_show": "archived"}),
    "run": Place("run", run, shows=("Metrics", "Parameters", "Attributes")),
    "run-evaluation": Place(
        "run",
        run,
        {"run_view": "Evaluation"},
        ("Confusion matrix of rows that were not fitted on", "Calibration", "ROC", "Folds"),
    ),
    "run-curves": Place("run", search, {"run_view": "Curves"}),
    "run-trials": Place("run", search, {"run_view": "Trials"}, ("Trials of the search",)),
    "run-files": Place("run", run, {"run_view": "Files"}, ("Files of the run",)),
    "run-file": Place(
        "run",
        run,
        {"run_view": "Files", "run_path": "reference.parquet"},
        ("Files of the run", "Rows of reference.parquet"),
    ),
    "run-lineage": Place("run", run, {"run_view": "Lineage"}, ("Training", "Job")),
    "run-code": Place("run", run, {"run_view": "Code"}, ("Code of the run",)),
    "run-environment": Place("run", run, {"run_view": "Environment"}, ("Packages",)),
    "run-reproduce": Place("run", run, {"run_view": "Reproduce"}, ("With the MLflow client",)),
    "compare": Place("compare", compared, shows=("Runs by the chosen metric",)),
    "compare-metrics": Place("compare", compared, {"compare_view": "Metrics"}, ("Metrics by run",)),
    "compare-settings": Place(
        "compare",
        compared,
        {"compare_view": "Parameters and code"},
        ("Parameters, code attributes and packages by run",),
    ),
    "compare-data": Place(
        "compare",
        compared,
        {"compare_view": "Data"},
        ("What the runs agree on, and what each recorded",),
    ),
    "compare-curves": Place("compare", compared, {"compare_view": "Evaluation"}, ("Calibration",)),
    "compare-slices": Place(
        "compare",
        compared,
        {"compare_view": "Slices and disagreements"},
        ("Metric by slice and run, worst slice first", "Disagreements by run"),
    ),
    "compare-parallel": Place(
        "compare",
        compared,
        {"compare_view": "Parallel and importance"},
        ("Parameters and metrics of each run as a line through parallel axes",),
    ),
    "compare-history": Place("compare", compared, {"compare_view": "Over steps"}),
    "registry": Place("registry", shows=("Models", "Promotions")),
    "model": Place("model", model, shows=("Versions", "Moves between stages")),
    "version": Place("version", version, shows=("Input columns",)),
    "version-new": Place("version", newest_version, shows=("Input columns",)),
    "promotion": Place("promotion", promotion, shows=("On their own held-out rows",)),
    "deployments": Place("deployments", shows=("Deployments",)),
    "deployment": Place("deployment", deployment, shows=("Model processes",)),
    "deployment-try": Place("deployment", deployment, {"deployment_view": "Try it"}, ("Input",)),
    "deployment-predictions": Place(
        "deployment", deployment, {"deployment_view": "Predictions"}, ("Newest predictions",)
    ),
    "deployment-revisions": Place(
        "deployment", deployment, {"deployment_view": "Revisions"}, ("Revisions",)
    ),
    "deployment-log": Place("deployment", deployment, {"deployment_view": "Log"}),
    "monitoring": Place("monitoring", shows=("Predictions and labels by window",)),
    "monitoring-drift": Place(
        "monitoring", view={"monitoring_view": "Drift"}, shows=("Columns by harm",)
    ),
    "monitoring-windows": Place(
        "monitoring", view={"monitoring_view": "Windows"}, shows=("Windows",)
    ),
    "monitoring-segments": Place("monitoring", view={"monitoring_view": "Segments"}),
    "monitoring-checks": Place("monitoring", view={"monitoring_view": "Checks"}),
    "monitoring-notifications": Place(
        "monitoring", view={"monitoring_view": "Notifications"}, shows=("Silences",)
    ),
    "monitoring-alerts": Place("monitoring", view={"monitoring_view": "Alerts"}, shows=("Alerts",)),
    "monitoring-settings": Place(
        "monitoring", view={"monitoring_view": "Settings"}, shows=("Alerts and falls",)
    ),
    "monitoring-rules": Place(
        "monitoring", view={"monitoring_view": "Rules"}, shows=("Alert rules",)
    ),
    "window": Place("window", window, shows=("Columns by harm",)),
    "window-performance": Place(
        "window", window, {"window_view": "Performance"}, ("Observed metrics",)
    ),
    "window-segments": Place("window", window, {"window_view": "Segments"}),
    "window-requests": Place("window", window, {"window_view": "Requests"}),
    "window-results": Place("window", window, {"window_view": "Results"}, ("Results",)),
    "window-reports": Place("window", window, {"window_view": "Reports"}),
    "alert": Place("alert", alert, shows=("History",)),
    "report": Place("report", report, shows=("Evidently's drift report",)),
    "pipelines": Place("pipelines", shows=("Jobs",)),
    "pipelines-pipelines": Place("pipelines", view={"pipelines_view": "Pipelines"}),
    "pipelines-recipes": Place("pipelines", view={"pipelines_view": "Recipes"}),
    "pipelines-schedules": Place("pipelines", view={"pipelines_view": "Schedules"}),
    "job": Place("job", job, shows=("Steps",)),
    "job-timeline": Place("job", job, {"job_view": "Timeline"}, ("When each step of the job ran",)),
    "job-details": Place("job", job, {"job_view": "Details"}, ("Arguments and result",)),
    "activity": Place("activity", shows=("Activity",)),
    "features": Place("features", shows=("No feature stores yet",)),
    "events": Place("events", shows=("No messages come or leave yet",)),
    "environments": Place("environments", shows=("No environments yet",)),
    "history": Place("history"),
    "history-changes": Place("history", view={"history_view": "What changed"}),
    "reviews": Place("reviews", shows=("No review was held yet",)),
    "policies": Place("policies", shows=("Tried before it answers for anybody.",)),
    "maturity": Place("maturity"),
    "people": Place("people"),
    "dataset-reading": Place("dataset", dataset, {"dataset_view": "Reading"}),
    "dataset-datasheet": Place("dataset", dataset, {"dataset_view": "Datasheet"}, ("Motivation",)),
    "model-history": Place("model", model, {"model_view": "History"}),
    "version-card": Place("version", version, {"version_view": "Card"}, ("Model details",)),
    "responsible": Place("responsible", version, shows=("Groups before and after",)),
    "responsible-explanations": Place(
        "responsible", version, {"responsible_view": "Explanations"}, ("Not computed yet",)
    ),
    "responsible-what-if": Place(
        "responsible", version, {"responsible_view": "What if"}, ("Outside of what was seen",)
    ),
    "deployment-rollouts": Place(
        "deployment", deployment, {"deployment_view": "Rollouts"}, ("No rollout yet",)
    ),
    "deployment-clients": Place(
        "deployment",
        deployment,
        {"deployment_view": "Clients"},
        ("Protocols of this deployment",),
    ),
    "deployment-labels": Place(
        "deployment", deployment, {"deployment_view": "Labels"}, ("Add labels from a file",)
    ),
    "deployment-access": Place(
        "deployment", deployment, {"deployment_view": "Access"}, ("Make a key",)
    ),
    "deployment-retraining": Place(
        "deployment", deployment, {"deployment_view": "Retraining"}, ("Backtest",)
    ),
    "monitoring-evidently": Place("monitoring", view={"monitoring_view": "Evidently"}),
}
