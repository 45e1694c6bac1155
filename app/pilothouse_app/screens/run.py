"""One run in full: metrics, curves, files, lineage, code and environment."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import streamlit as st

from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.filters import switch
from pilothouse_app.components.formats import ago, duration, plural, title
from pilothouse_app.components.header import facts, header
from pilothouse_app.components.links import (
    ICONS,
    address,
    link,
    query_param,
    same_page_link,
    screen,
)
from pilothouse_app.components.live import live
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.screen import Screen
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.comments.thread import comment_thread
from pilothouse_app.features.experiments.formatting import trainer_title
from pilothouse_app.features.experiments.register_model import compare_button, register_button
from pilothouse_app.features.run import (
    code,
    curves,
    environment,
    evaluation,
    files,
    lineage,
    models,
    overview,
    reproduce,
    trials,
)
from pilothouse_app.features.run.actions import actions_menu, colour_badge, star_button

if TYPE_CHECKING:
    from pilothouse.experiments.details import RunInfo

SCREEN = Screen(
    title="Run",
    path="run",
    icon=":material/timeline:",
    summary="One run in full",
    parent="experiments",
)

VIEWS: dict[str, Callable[[RunInfo], None]] = {
    "overview": overview.draw,
    "curves": curves.draw,
    "evaluation": evaluation.draw,
    "trials": trials.draw,
    "files": files.draw,
    "models": models.draw,
    "lineage": lineage.draw,
    "code": code.draw,
    "environment": environment.draw,
    "reproduce": reproduce.draw,
}


def render() -> None:
    """The run the address names."""
    back = ("Experiments", screen("experiments"))
    if not query_param("id"):
        with header("Run", back=back):
            pass
        empty("Which run?", "The address names none.", to=("Open experiments", back[1]))
        return

    run = workspace().experiments.run(query_param("id"))
    with header(run.name, status=run.status, back=back):
        colour_badge(run)
        star_button(run)
        actions_menu(run)
        if run.status == "finished" and run.archived_at is None:
            compare_button(run)
            register_button(run)

    _facts(run)
    _notices(run)
    view = _view(run)
    if run.status in ("running", "queued") and view != "curves":
        live(lambda: _live_line(run.id), key="run_live", busy=True, state=run.status)
    VIEWS[view](run)
    comment_thread("run", run.id)


def _facts(run: RunInfo) -> None:
    commit = f"{literal(run.commit[:8])}{' modified' if run.dirty else ''}" if run.commit else ""
    facts(
        {
            "Experiment": literal(run.experiment),
            "Trainer": literal(trainer_title(run.trainer or "")),
            "Duration": duration(run.duration_s),
            "By": literal(run.user),
            "Started": ago(run.created_at),
            "Code": commit,
        }
    )


def _notices(run: RunInfo) -> None:
    if run.archived_at is not None:
        st.info(
            "This run is hidden from tables and counts. No data was deleted.",
            title=f"Archived {ago(run.archived_at)}",
            icon=":material/archive:",
        )
    if run.error:
        st.error(literal(run.error), title="This run failed", icon=":material/error:")


def _view(run: RunInfo) -> str:
    """The view that is chosen among those that this run has."""
    has = {
        "evaluation": evaluation.has_evaluation(run),
        "trials": bool(run.children),
        "models": bool(workspace().experiments.logged_models(run.id)),
    }
    available = [view for view in VIEWS if has.get(view, True)]
    if st.session_state.get("run_view", available[0]) not in available:
        st.session_state["run_view"] = available[0]  # the run before this one had it

    with st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
    ):
        view = switch("run_view", available, "Show", format_func=title)
        _relatives(run)

    return view


def _relatives(run: RunInfo) -> None:
    with st.container(horizontal=True, gap="small", width="content", vertical_alignment="center"):
        for version in workspace().registry.of_run(run.id)[:1]:
            label = f"{version.ref}{' · champion' if version.is_champion else ''}"
            link(address("version", version.ref), label, icon=ICONS["version"])
        if run.parent_id:
            parent = address("run", run.parent_id)
            same_page_link(parent, "Parent run", icon=":material/account_tree:", key="run_parent")


def _live_line(run_id: str) -> str:
    run = workspace().experiments.run(run_id)
    st.markdown(f":gray[{plural(len(run.metrics), 'metric')} so far]")
    return run.status
