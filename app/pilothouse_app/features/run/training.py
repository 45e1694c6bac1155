"""What a training here did: target, classes, data, features used and left out, what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from pilothouse.kit.errors import PilothouseError
from pilothouse_app.components.formats import plural
from pilothouse_app.components.header import facts
from pilothouse_app.components.links import ICONS, address, link, screen
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.table import table
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.experiments.how_measured import how_measured
from pilothouse_app.features.training.column_list import COLUMN_USES
from pilothouse_app.features.training.task_fields import SPLIT_TITLES

if TYPE_CHECKING:
    from pilothouse.experiments.details import RunInfo

SPEC, COLUMNS = "spec.json", "columns.json"


def training_summary(run: RunInfo) -> None:
    """The box at the top of a run's overview; nothing for a run that was trained elsewhere."""
    spec = _document(run, SPEC)
    if not isinstance(spec, dict) or not spec.get("target"):
        return
    columns = _document(run, COLUMNS)
    uses = columns if isinstance(columns, list) else []
    with st.container(border=True, key="run_training"):
        facts(_facts(spec, uses) | {"Measured": how_measured(run.id)})
        _columns(uses)
        if run.status == "finished":
            _next_step(run, str(spec.get("dataset", "")))


def _document(run: RunInfo, path: str) -> Any:
    if not run.has_artifact(path):
        return None
    try:
        return workspace().experiments.files.document(run.id, path)
    except PilothouseError:
        return None  # the Files view says what is wrong with it


def _facts(spec: dict[str, Any], uses: list[Any]) -> dict[str, str]:
    positive = spec.get("positive")
    used = [use["column"] for use in uses if use.get("used")] or list(spec.get("features", ()))
    return {
        "Target": literal(str(spec["target"])),
        "Positive class": "" if positive is None else literal(str(positive)),
        "Dataset": literal(str(spec.get("dataset", ""))),
        "Split": SPLIT_TITLES.get(str(spec.get("split")), ""),
        "Features": literal(", ".join(map(str, used))) if used else "every usable column",
    }


def _columns(uses: list[Any]) -> None:
    left_out = [use for use in uses if not use.get("used") and use["reason"] != "it is the target"]
    if not uses:
        return
    label = f"{plural(len(left_out), 'column')} left out" if left_out else "Use of each column"
    with st.expander(label, icon=":material/view_column:"):
        frame = pd.DataFrame(uses)
        frame["use"] = frame["used"].map({True: "Feature", False: "Left out"})
        table(frame, COLUMN_USES, key="run_columns", ids="column", alt="Use of each column")


def _next_step(run: RunInfo, dataset: str) -> None:
    """The next step of a finished run: register it, promote it, or see its deployments."""
    versions = workspace().registry.of_run(run.id)
    with st.container(horizontal=True, vertical_alignment="center"):
        if not versions:
            st.markdown("**Next:** register it as a model version, with the button above.")
        elif versions[0].stage != "production":
            st.markdown("**Next:** promote its version")
            link(address("version", versions[0].ref), versions[0].ref, icon=ICONS["version"])
        else:
            st.markdown("**In production.** See its deployments")
            link(screen("deployments"), "Deployments", icon=":material/rocket_launch:")
        if dataset:
            link(address("dataset", dataset), dataset, icon=":material/table_view:")
