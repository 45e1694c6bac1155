"""Compare: two to ten runs against a baseline, which is the champion unless somebody chose."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import streamlit as st

from pilothouse_app import charts
from pilothouse_app.parts.empty import empty
from pilothouse_app.parts.figures import dark, echart, figure
from pilothouse_app.parts.filters import switch
from pilothouse_app.parts.formats import DASH, parameter, plural, title
from pilothouse_app.parts.header import header, section
from pilothouse_app.parts.links import address, compare, go_next, link, screen, wanted
from pilothouse_app.parts.registering import champions
from pilothouse_app.parts.runs import by_label, metric_title
from pilothouse_app.parts.screen import Screen
from pilothouse_app.parts.workspace import workspace

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.experiments.compare import Comparison

SCREEN = Screen(
    title="Compare",
    path="compare",
    icon=":material/compare_arrows:",
    summary="Runs side by side: what differs, by how much, and every curve overlaid.",
    section="Explore",
    order=30,
)

VIEWS = ("figures", "curves", "parallel", "history")
MOST_DRAWN = 8
MOST_AXES = 8
HEIGHT = 330


def render() -> None:
    """The runs the address names."""
    chosen = [run for run in wanted("runs").split(",") if run]
    baseline = _baseline(chosen)
    if len({*chosen, baseline} - {""}) < 2:
        _nothing_chosen()
        return
    compared = workspace().experiments.compare(chosen, baseline or None)
    with header("Compare", note=plural(len(compared.runs), "run")):
        _cautions(compared)
        _choose_baseline(compared, chosen)
        link(screen("experiments"), "Choose others", icon=":material/checklist:")
    view = switch("compare_view", VIEWS, "Show", words=VIEW_WORDS.__getitem__)
    BODIES[view](compared)


VIEW_WORDS = {
    "figures": "Figures and parameters",
    "curves": "Curves",
    "parallel": "Parallel coordinates",
    "history": "Over steps",
}


def _nothing_chosen() -> None:
    with header("Compare"):
        pass
    empty(
        "Choose what to compare",
        "Tick two to ten runs in the run table, then press Compare. "
        "The champion is the baseline unless you choose another.",
        icon=":material/compare_arrows:",
        to=("Open experiments", screen("experiments")),
    )


def _baseline(chosen: list[str]) -> str:
    """The run asked for, else the champion's when there is room for it."""
    asked = wanted("baseline")
    if asked or not chosen:
        return asked
    known = champions()
    inside = next((run for run in known if run in chosen), "")
    return inside or (known[0] if known and len(chosen) < 10 else "")


def _choose_baseline(compared: Comparison, chosen: list[str]) -> None:
    known = champions()
    st.selectbox(
        "Baseline",
        [run.id for run in compared.runs],
        format_func=lambda run: (
            f"Baseline: {compared.labels[run]}" + (" (champion)" if run in known else "")
        ),
        key=f"compare_baseline_{compared.baseline}",
        on_change=_rebase,
        args=(f"compare_baseline_{compared.baseline}", [run.id for run in compared.runs]),
        label_visibility="collapsed",
        width=340,
    )


def _rebase(key: str, runs: list[str]) -> None:
    go_next(compare(runs, baseline=st.session_state[key]))


def _cautions(compared: Comparison) -> None:
    if compared.notes:
        with st.popover(plural(len(compared.notes), "caution"), icon=":material/warning:"):
            st.markdown("\n".join(f"- {note.words}" for note in compared.notes))


def _figures(compared: Comparison) -> None:
    with st.container(horizontal=True, gap="medium"):
        for run in compared.runs:
            link(address("run", run.id), compared.labels[run.id], icon=":material/timeline:")
    section("Metrics", f"difference to {compared.labels[compared.baseline]}")
    st.table(_metric_cells(compared), border="horizontal", hide_index=True, alt="Metrics by run")
    params = compared.params[compared.params["differs"]]
    alike = len(compared.params) - len(params)
    section("Parameters", f"{len(params)} differ, {alike} are equal")
    if len(params):
        st.table(
            _param_cells(compared, params),
            border="horizontal",
            hide_index=True,
            alt="Parameters that differ",
        )
    if alike:
        with st.expander(f"Equal in all runs ({alike})"):
            same = compared.params[~compared.params["differs"]]
            st.table(
                _param_cells(compared, same),
                border="horizontal",
                hide_index=True,
                alt="Equal parameters",
            )


def _metric_cells(compared: Comparison) -> pd.DataFrame:
    wide = compared.metrics.assign(
        cell=[_metric_cell(row) for row in compared.metrics.to_dict("records")]
    )
    order = list(dict.fromkeys(wide["title"]))
    cells = wide.pivot(index="title", columns="label", values="cell").loc[order]
    return _headed(cells[[compared.labels[run.id] for run in compared.runs]], "Metric")


def _metric_cell(row: dict[Any, Any]) -> str:
    if math.isnan(row["value"]):
        return DASH
    value = format(row["value"], row["format"])
    if row["verdict"] in ("baseline", "unknown"):
        return value
    if row["verdict"] == "same":
        return f"{value} :gray-badge[same]"
    colour = "green" if row["verdict"] == "better" else "red"
    return f"{value} :{colour}-badge[{format(row['delta'], '+' + row['format'])}]"


def _param_cells(compared: Comparison, params: pd.DataFrame) -> pd.DataFrame:
    cells = params.drop(columns="differs").set_index("param")
    cells = cells.map(parameter).rename(index=title, columns=compared.labels)
    return _headed(cells, "Parameter")


def _headed(cells: pd.DataFrame, corner: str) -> pd.DataFrame:
    cells.index.name, cells.columns.name = corner, None
    return cells.reset_index()


def _curves(compared: Comparison) -> None:
    labels = [compared.labels[run.id] for run in compared.runs][:MOST_DRAWN]
    _capped(compared)
    drawn = (
        ("ROC", "roc", charts.roc),
        ("Precision and recall", "pr", charts.precision_recall),
        ("Calibration", "calibration", charts.calibration),
    )
    grid = st.grid(2, min_column_width=400, gap="small")
    for name, key, chart in drawn:
        frame = compared.curves.get(key)
        if frame is None or frame.empty:
            continue
        with grid.cell(), st.container(border=True):
            section(name)
            figure(
                chart(by_label(frame, labels), dark=dark()),
                key=f"compare_{key}",
                height=HEIGHT,
                alt=f"{name} of {len(labels)} runs",
            )
    importance = compared.curves.get("importance")
    if importance is not None and not importance.empty:
        with grid.cell(), st.container(border=True):
            section("Permutation importance", "the columns that matter most")
            figure(
                charts.grouped(
                    importance, dark=dark(), label="column", value="importance", group="label",
                    order=labels,
                ),
                key="compare_importance",
                height=HEIGHT,
                alt="Importance of columns by run",
            )  # fmt: skip


def _parallel(compared: Comparison) -> None:
    frame = compared.axes.assign(trainer=[title(run.trainer or "none") for run in compared.runs])
    with st.container(border=True):
        section("Parameters and metrics that all runs have", "drag along an axis to select")
        echart(
            charts.parallel(
                frame,
                _axes(frame),
                dark=dark(),
                names="label",
                baseline=compared.labels[compared.baseline],
            ),
            key="compare_parallel",
            height=600,
            alt="Parameters and metrics of each run as a line through parallel axes",
        )


def _axes(frame: pd.DataFrame) -> list[charts.Axis]:
    """The trainer, then what every run has: a line may not jump over an axis."""
    told = [name for name in frame.columns if name.startswith(("params.", "metrics."))]
    told = [name for name in told if frame[name].notna().all()]
    told = [name for name in told if not name.endswith(("_std", "_seconds"))][:MOST_AXES]
    trainers = sorted(frame["trainer"].unique())
    return [charts.Axis("trainer", "Trainer", trainers), *(_axis(frame, name) for name in told)]


def _axis(frame: pd.DataFrame, name: str) -> charts.Axis:
    kind, _, key = name.partition(".")
    words = metric_title(key) if kind == "metrics" else title(key)
    if frame[name].dtype.kind in "fiu":
        return charts.Axis(name, words)
    return charts.Axis(name, words, sorted({str(value) for value in frame[name]}))


def _history(compared: Comparison) -> None:
    points = compared.history
    keys = list(dict.fromkeys(points["key"])) if not points.empty else []
    if not keys:
        empty(
            "No histories",
            "Every metric of these runs has a single value.",
            icon=":material/timeline:",
        )
        return
    _capped(compared)
    grid = st.grid(min(2, len(keys)), min_column_width=400, gap="small")
    for key in keys[:6]:
        with grid.cell(), st.container(border=True):
            section(metric_title(key))
            figure(
                charts.history(
                    points[points["key"] == key],
                    dark=dark(),
                    title=metric_title(key),
                    names=compared.labels,
                ),
                key=f"compare_history_{key}",
                height=260,
                alt=f"{metric_title(key)} by step and run",
            )


def _capped(compared: Comparison) -> None:
    if len(compared.runs) > MOST_DRAWN:
        st.markdown(f":small[:gray[Drawn: the baseline and the next {MOST_DRAWN - 1} runs.]]")


BODIES = {"figures": _figures, "curves": _curves, "parallel": _parallel, "history": _history}
