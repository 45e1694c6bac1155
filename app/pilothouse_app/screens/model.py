"""One model: the stages of its versions, their metrics, and the history of moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pilothouse.registry.tables import ARCHIVED, PRODUCTION
from pilothouse_app.charts.versions import metric_by_version
from pilothouse_app.components.charting import dark, figure
from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.filters import switch
from pilothouse_app.components.formats import plural, title
from pilothouse_app.components.header import header, section
from pilothouse_app.components.links import query_param, screen
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.screen import Screen
from pilothouse_app.components.table import (
    name_column,
    number_column,
    status_column,
    table,
    text_column,
    when_column,
)
from pilothouse_app.components.table_height import table_height
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.experiments.formatting import main_metrics, message_text, metric_title
from pilothouse_app.features.governance.events import model_history
from pilothouse_app.features.governance.evidence_packs import pack_button
from pilothouse_app.features.registry.add_files import add_files_button
from pilothouse_app.features.registry.overrides import overridden_line
from pilothouse_app.features.registry.promote import promote_button
from pilothouse_app.features.registry.stages import stage_overview

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

SCREEN = Screen(
    title="Model",
    path="model",
    icon=":material/deployed_code:",
    summary="One model with its versions",
    parent="registry",
)
RECENT = 10
VIEWS = ("versions", "history")
HISTORY = {
    "version": number_column("Version", 0, width=64),
    "after": status_column("To", width=96),
    "at": when_column("When", width=100),
    "by": text_column("By", width=80),
    "reason": text_column("Reason"),
}
PROMOTIONS = {
    "version": name_column("Version", width=92),
    "stage": status_column("To", width=96),
    "status": status_column(width=90),
    "requested_at": when_column("Requested", width=100),
    "gates": text_column("Gates"),
}


def render() -> None:
    """The model the address names."""
    name = query_param("name")
    back = ("Registry", screen("registry"))
    if not name:
        with header("Model", back=back):
            pass
        empty("Which model?", "The address names none.", to=("Open the registry", back[1]))
        return

    versions = workspace().registry.versions(name)
    with header(name, note=plural(len(versions), "version"), back=back):
        pack_button(name)
        add_files_button(name)
        _promote_button(name, versions)
    if switch("model_view", VIEWS, "View", format_func=title) == "history":
        model_history(name)
        return
    overridden_line(name)
    stage_overview(name, versions)
    keys = _keys(versions)
    _versions(name, versions, keys)
    left, right = st.columns([45, 55], gap="medium")
    with left:
        _trend(versions, keys)
        _history(name)
    with right:
        _promotions(name)


def _promote_button(name: str, versions: pd.DataFrame) -> None:
    upward = versions[~versions["stage"].isin([PRODUCTION, ARCHIVED])]
    if upward.empty:
        return
    newest = int(upward["version"].iloc[0])
    promote_button(workspace().registry.version(name, newest), label=f"Promote version {newest}")


def _keys(versions: pd.DataFrame) -> list[str]:
    """The metrics to show of every version."""
    keys = [str(column)[8:] for column in versions if str(column).startswith("metrics.")]
    return main_metrics(keys)


def _versions(name: str, versions: pd.DataFrame, keys: Sequence[str]) -> None:
    columns = {
        "version": name_column("Version", width=100),
        "stage": status_column("Stage", width=96),
        "aliases": text_column("Aliases", width=92),
        **{f"metrics.{key}": number_column(metric_title(key), 4, width=122) for key in keys},
        "dataset": text_column("Trained on", width=140),
        "created_at": when_column("Registered", width=110),
        "created_by": text_column("By", width=90),
    }
    frame = versions.assign(
        version=[f"Version {number}" for number in versions["version"]],
        ref=[f"{name}@{number}" for number in versions["version"]],
    )
    with table_height("versions", len(frame), reserve=40) as height:
        table(
            frame, columns, key="versions", alt="Versions", ids="ref", opens=("version", "ref"),
            height=height,
        )  # fmt: skip


def _trend(versions: pd.DataFrame, keys: Sequence[str]) -> None:
    if not keys or len(versions) < 2:
        return
    section(literal(f"{metric_title(keys[0])} by version"), "each on its own held-out rows")
    figure(
        metric_by_version(versions, dark=dark(), value=f"metrics.{keys[0]}", y=""),
        key="model_metric",
        height=200,
        alt=f"{metric_title(keys[0])} of each version",
    )


def _history(name: str) -> None:
    moves = workspace().registry.history(name)
    section("Moves between stages", plural(len(moves), "move"))
    if moves.empty:
        st.markdown(":gray[No version has moved yet.]")
    else:
        table(moves.head(RECENT), HISTORY, key="model_history", alt="Moves between stages")


def _promotions(name: str) -> None:
    promotions = workspace().registry.promotions(model=name)
    section("Promotions", plural(len(promotions), "request"))
    if promotions.empty:
        st.markdown(":gray[No promotion has been requested.]")
        return
    recent = promotions.head(RECENT)
    rows = recent.assign(
        version=[f"Version {number}" for number in recent["version"]],
        gates=[message_text(gates) for gates in recent["gates"]],
    )
    table(rows, PROMOTIONS, key="model_promotions", alt="Promotions", opens=("promotion", "id"))
