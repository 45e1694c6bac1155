"""One run: how good it is, what made it, what it left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from pilothouse_app import charts
from pilothouse_app.parts.empty import empty
from pilothouse_app.parts.figures import dark, figure
from pilothouse_app.parts.filters import switch
from pilothouse_app.parts.formats import ago, duration, number, parameter, plural, size, title
from pilothouse_app.parts.header import facts, header, section
from pilothouse_app.parts.kpis import Kpi, kpi_row
from pilothouse_app.parts.links import ICONS, address, jump, link, screen, wanted
from pilothouse_app.parts.live import live
from pilothouse_app.parts.registering import compare_button, register_button
from pilothouse_app.parts.runs import curve, document, favourites, metric_title, metric_value
from pilothouse_app.parts.screen import Screen
from pilothouse_app.parts.table import name_column, number_column, status_column, table, text_column
from pilothouse_app.parts.workspace import workspace

if TYPE_CHECKING:
    from pilothouse.experiments.details import RunInfo

SCREEN = Screen(title="Run", path="run", icon=":material/timeline:", summary="One run in full")

VIEWS = ("evaluation", "parameters", "history", "trials", "files")
CHART = 214


def render() -> None:
    """The run the address names."""
    back = ("Experiments", screen("experiments"))
    if not wanted("id"):
        with header("Run", back=back):
            pass
        empty("Which run?", "The address names none.", to=("Open experiments", back[1]))
        return
    ws = workspace()
    run = ws.experiments.run(wanted("id"))
    with header(run.name, status=run.status, back=back):
        if run.status == "finished":
            compare_button(run)
            register_button(run)
    _facts(run)
    if run.error:
        st.error(run.error, title="This run failed", icon=":material/error:")
    if run.status in ("running", "queued"):
        live(lambda: _still_running(run.id), key="run_live", busy=True)
    if run.metrics:
        _figures(run)
    shown = [view for view in VIEWS if view != "trials" or run.children]
    with st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
    ):
        view = switch("run_view", shown, "Show", words=title)
        _relatives(run)
    BODIES[view](run)


def _facts(run: RunInfo) -> None:
    code = f"`{run.commit[:8]}`{' modified' if run.dirty else ''}" if run.commit else ""
    facts(
        {
            "Experiment": run.experiment,
            "Trainer": title(run.trainer or ""),
            "Took": duration(run.duration_s),
            "By": run.user,
            "Started": ago(run.created_at),
            "Code": code,
        }
    )


def _relatives(run: RunInfo) -> None:
    versions = workspace().registry.of_run(run.id)
    with st.container(horizontal=True, gap="small", width="content", vertical_alignment="center"):
        for one in run.inputs[:1]:
            link(address("dataset", one.dataset), one.dataset, icon=ICONS["dataset"])
        for version in versions:
            label = f"{version.model} {version.number}" + (
                " · champion" if version.is_champion else ""
            )
            link(address("version", version.ref), label, icon=":material/deployed_code:")
        if run.parent_id:
            parent = address("run", run.parent_id)
            jump(parent, "Its search", icon=":material/account_tree:", key="run_parent")
        if run.job_id:
            link(address("job", run.job_id), "Its job", icon=":material/manufacturing:")


def _still_running(run_id: str) -> bool:
    run = workspace().experiments.run(run_id)
    st.markdown(f":gray[{plural(len(run.metrics), 'metric')} so far]")
    return run.status in ("running", "queued")


def _figures(run: RunInfo) -> None:
    keys = favourites([key for key in run.metrics if not key.endswith("_std")], 6)
    kpi_row([_kpi(run, key) for key in keys])


def _kpi(run: RunInfo, key: str) -> Kpi:
    spread = run.metrics.get(f"cv_{key}_std")
    mean = run.metrics.get(f"cv_{key}_mean")
    if mean and spread:
        context = f"folds {number(mean.last)} ± {number(spread.last)}"
    else:
        context = "held-out rows"
    return Kpi(metric_title(key), metric_value(key, run.metrics[key].last), context)


def _evaluation(run: RunInfo) -> None:
    ws = workspace()
    drawn = [
        ("ROC", "true over false positive rate", "curves/roc.json", charts.roc),
        ("Precision and recall", "", "curves/pr.json", charts.precision_recall),
        ("Calibration", "observed over predicted", "curves/calibration.json", charts.calibration),
    ]
    curves = [(*each, frame) for each in drawn if (frame := curve(ws, run, each[2])) is not None]
    confusion, importance = document(ws, run, "confusion.json"), curve(ws, run, "importance.json")
    if not curves and confusion is None and importance is None:
        empty("No evaluation", "This run kept no curves.", icon=":material/show_chart:")
        return
    grid = st.grid(3, min_column_width=270, gap="small")
    for name, note, path, chart, frame in curves:
        with grid.cell(), st.container(border=True):
            section(name, note)
            shown = chart({run.name: frame}, dark=dark())
            figure(shown, key=f"run_{path}", height=CHART, alt=f"{name} of {run.name}")
    if confusion is not None:
        with grid.cell(), st.container(border=True, height="stretch"):
            _confusion(confusion)
    if importance is not None and not importance.empty:
        with grid.cell(column_span=2), st.container(border=True, height="stretch"):
            _importance(importance)


def _confusion(confusion: dict[str, Any]) -> None:
    section("Confusion", f"threshold {confusion['threshold']:.3f}")
    figure(
        charts.confusion(confusion["labels"], confusion["matrix"], dark=dark()),
        key="run_confusion",
        height=CHART,
        alt="Confusion matrix of the held-out rows",
    )


def _importance(importance: pd.DataFrame) -> None:
    section("Permutation importance", "what the metric loses when a column is shuffled")
    figure(
        charts.ranked(
            importance, dark=dark(), label="column", value="importance", title="", error="std",
            most=10,
        ),
        key="run_importance",
        height=CHART,
        alt="Columns by permutation importance",
    )  # fmt: skip


def _parameters(run: RunInfo) -> None:
    left, right = st.columns(2, gap="medium")
    with left:
        section("Parameters", plural(len(run.params), "parameter"))
        st.table(
            {title(name): parameter(value) for name, value in run.params.items()} or {"None": ""},
            border="horizontal",
        )
    with right:
        section("Environment", "what the model was trained with")
        environment = document(workspace(), run, "environment.json") or {}
        st.table(
            _flat(environment) or {"None": ""},
            border="horizontal",
        )


def _flat(environment: dict[str, Any]) -> dict[str, str]:
    """The interpreter in words, then packages by their own names."""
    flat: dict[str, str] = {}
    for name, value in environment.items():
        if isinstance(value, dict):
            flat |= {f"`{package}`": str(version) for package, version in value.items()}
        else:
            flat[title(name)] = str(value)
    return flat


def _history(run: RunInfo) -> None:
    ws = workspace()
    folds = curve(ws, run, "folds.json")
    stepped = [
        key
        for key, summary in run.metrics.items()
        if summary.count > 1 and not key.startswith("fold_")  # they are the table of folds
    ]
    if not stepped and folds is None:
        empty(
            "No history", "Every metric of this run has a single value.", icon=":material/timeline:"
        )
        return
    if folds is not None:
        section("Folds of the cross-validation")
        shown = folds.assign(fold=[f"Fold {int(n)}" for n in folds["fold"]])
        looks = {
            name: number_column(metric_title(name), 0 if name.startswith("rows") else 4)
            for name in shown.columns
            if name != "fold"
        }
        table(
            shown, {"fold": name_column("Fold"), **looks}, key="run_folds", ids="fold", alt="Folds"
        )
    if stepped:
        points = ws.experiments.history([run.id], stepped)
        with st.grid(2, min_column_width=380, gap="small") as grid:
            pass
        for key in stepped[:8]:
            with grid.cell(), st.container(border=True):
                section(metric_title(key))
                figure(
                    charts.history(
                        points[points["key"] == key], dark=dark(), title=metric_title(key), names={}
                    ),
                    key=f"run_history_{key}",
                    height=220,
                    alt=f"{metric_title(key)} by step",
                )


def _trials(run: RunInfo) -> None:
    frame = pd.DataFrame([vars(child) for child in run.children])
    table(
        frame,
        {"name": name_column("Trial"), "status": status_column()},
        key="run_trials",
        alt="Trials of the search",
        opens=("run", "id"),
    )


def _files(run: RunInfo) -> None:
    files = pd.DataFrame([vars(file) for file in run.artifacts])
    if files.empty:
        empty("No files", "This run left none.", icon=":material/folder_off:")
        return
    frame = files.assign(
        size=[size(n) for n in files["size"]], digest=[d[:16] for d in files["digest"]]
    )
    looks = {
        "path": name_column("File", width=320),
        "size": text_column("Size", width=110),
        "digest": text_column("SHA-256, first 16", width=190),
    }
    table(frame, looks, key="run_files", ids="path", alt="Files of the run")
    chosen = st.selectbox("Download", list(files["path"]), key="run_file")
    st.download_button(
        "Download",
        lambda: workspace().experiments.artifact(run.id, chosen),
        file_name=chosen.rsplit("/", 1)[-1],
        icon=":material/download:",
        key="run_download",
    )


BODIES = {
    "evaluation": _evaluation,
    "parameters": _parameters,
    "history": _history,
    "trials": _trials,
    "files": _files,
}
