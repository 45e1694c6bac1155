"""One model: where its versions stand, how good each is, and how they came to stand there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pilothouse_app.charts.versions import metric_by_version
from pilothouse_app.parts.empty import empty
from pilothouse_app.parts.figures import dark, figure
from pilothouse_app.parts.filters import filter_bar, switch
from pilothouse_app.parts.formats import plural, title
from pilothouse_app.parts.header import header, section
from pilothouse_app.parts.links import link, screen, wanted
from pilothouse_app.parts.promoting import promote
from pilothouse_app.parts.runs import column_of, favourites, metric_title
from pilothouse_app.parts.screen import Screen
from pilothouse_app.parts.stages import stage_ladder
from pilothouse_app.parts.table import (
    name_column,
    number_column,
    status_column,
    table,
    text_column,
    when_column,
)
from pilothouse_app.parts.tall import tall
from pilothouse_app.parts.workspace import workspace

if TYPE_CHECKING:
    import pandas as pd

SCREEN = Screen(
    title="Model",
    path="model",
    icon=":material/deployed_code:",
    summary="One model with its versions",
)
HISTORY = {
    "at": when_column("When", relative=False, width=150),
    "number": number_column("Version", 0, width=72),
    "before": status_column("From", width=100),
    "after": status_column("To", width=100),
    "by": text_column("By", width=110),
    "reason": text_column("Reason"),
}


def render() -> None:
    """The model the address names."""
    name = wanted("name")
    back = ("Registry", screen("registry"))
    if not name:
        with header("Model", back=back):
            pass
        empty("Which model?", "The address names none.", to=("Open the registry", back[1]))
        return
    versions = workspace().registry.versions(name)
    with header(name, note=plural(len(versions), "version"), back=back):
        _promote_button(name, versions)
    stage_ladder(name, versions)
    with filter_bar():
        view = switch("model_view", ("versions", "history"), "Show", words=title)
        link(screen("activity", activity_q=name), "Activity", icon=":material/history:")
    if view == "history":
        _history(name)
    else:
        _versions(name, versions)


def _promote_button(name: str, versions: pd.DataFrame) -> None:
    upward = versions[versions["stage"].isin(["none", "staging"])]
    newest = int(upward["number"].iloc[0]) if len(upward) else 0
    if st.button(
        f"Promote version {newest}" if newest else "Promote",
        type="primary",
        icon=":material/arrow_upward:",
        disabled=not newest,
        help=None if newest else "No version stands below production",
        key="model_promote",
    ):
        promote(name, newest)


def _versions(name: str, versions: pd.DataFrame) -> None:
    keys = [str(column)[8:] for column in versions if str(column).startswith("metrics.")]
    shown = favourites(keys)
    columns = {
        "version": name_column("Version", width=120),
        "stage": status_column("Stage", width=100),
        "aliases": text_column("Aliases", width=110),
        **{f"metrics.{key}": column_of(f"metrics.{key}") for key in shown},
        "dataset": text_column("Trained on", width=140),
        "created_at": when_column("Registered", width=110),
        "created_by": text_column("By", width=100),
        "note": text_column("Note"),
    }
    frame = versions.assign(
        version=[f"Version {number}" for number in versions["number"]],
        ref=[f"{name}@{number}" for number in versions["number"]],
    )
    with tall("versions", len(frame), reserve=25) as height:
        table(
            frame, columns, key="versions", alt="Versions", ids="ref", opens=("version", "ref"),
            height=height,
        )  # fmt: skip
    if shown and len(frame) > 1:
        section(f"{metric_title(shown[0])} by version", "each on its own held-out rows")
        figure(
            metric_by_version(frame, dark=dark(), value=f"metrics.{shown[0]}", y=""),
            key="model_metric",
            height=220,
            alt=f"{metric_title(shown[0])} of each version",
        )


def _history(name: str) -> None:
    moves = workspace().registry.history(name)
    if moves.empty:
        empty("No version has moved yet", "Promotions and archivings are listed here.")
        return
    with tall("model_history", len(moves), reserve=25) as height:
        table(moves, HISTORY, key="model_history", alt="History of stages", height=height)
