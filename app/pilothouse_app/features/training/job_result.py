"""A training on its job's page: its result, and its settings to edit when it failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from pilothouse.training.leaderboard import Leaderboard, LeaderboardRow
from pilothouse_app.components.formats import plural
from pilothouse_app.components.header import section
from pilothouse_app.components.links import address, compare, link
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.table import name_column, number_column, table, text_column
from pilothouse_app.features.experiments.formatting import (
    metric_title,
    metric_value,
    trainer_title,
)
from pilothouse_app.features.experiments.how_measured import how_measured
from pilothouse_app.features.training.dialog import train_again_button
from pilothouse_app.features.training.trainer_fields import DEFAULT_TRAINER

if TYPE_CHECKING:
    from pilothouse.jobs.api import JobInfo

KINDS = ("train", "try_all")


def is_training(job: JobInfo) -> bool:
    """Whether the job is a training with a spec."""
    return job.kind in KINDS and bool(_spec(job))


def _spec(job: JobInfo) -> Mapping[str, Any]:
    """The settings of the job; of several trainers, those of the default one."""
    specs: Sequence[Mapping[str, Any]] = job.args.get("specs") or [job.args.get("spec") or {}]
    defaults = [spec for spec in specs if spec.get("trainer") == DEFAULT_TRAINER]
    return [*defaults, *specs][0]


def edit_again_button(job: JobInfo) -> None:
    """The button that opens the form with the settings of a training that did not finish."""
    if is_training(job):
        label, icon = "Edit and run again", ":material/edit:"
        train_again_button(_spec(job), key="job_edit_again", label=label, icon=icon)


def training_outcome(job: JobInfo) -> None:
    """The metric of a finished training, and the link to its run; of several, their ranking."""
    result = job.result or {}
    run = result.get("run")
    if job.status != "succeeded" or not is_training(job) or not run:
        return

    board = result.get("leaderboard")
    leaderboard = Leaderboard.from_json(board) if board else None
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="job_outcome"):
        st.markdown(_sentence(result, leaderboard), width="stretch")
        if leaderboard is not None:
            runs = [row.run for row in leaderboard.rows if row.run]
            link(compare(runs), "Compare", icon=":material/compare_arrows:")
        text = "Open the run" if leaderboard is None else "Open the best run"
        link(address("run", str(run)), text, icon=":material/timeline:")
    if leaderboard is not None:
        _ranking(leaderboard)


def _sentence(result: Mapping[str, Any], leaderboard: Leaderboard | None) -> str:
    metric, metrics = str(result.get("metric", "")), result.get("metrics") or {}
    best = None if leaderboard is None else leaderboard.best
    if leaderboard is not None and best is not None and best.is_baseline:
        return "**No trainer is better than the baseline**: the features do not help."
    if metric not in metrics:
        return "The training has finished."
    value = f"**{metric_title(metric)} {metric_value(metric, metrics[metric])}**"
    value += f", {how_measured(str(result['run'])) or 'on the held-out rows'}"
    return value if best is None else f"**{trainer_title(best.trainer)}** is best: {value}"


def _ranking(leaderboard: Leaderboard) -> None:
    """The trainers with a run, and below them the others with the reason."""
    ranked = [row for row in leaderboard.rows if row.run]
    has_folds = any(row.spread is not None for row in ranked)
    name = metric_title(leaderboard.metric)
    section("Leaderboard", f"by {name}{', mean over the folds' if has_folds else ''}")
    frame = pd.DataFrame(
        [
            {
                "id": row.run,
                "trainer": f"{position}. {trainer_title(row.trainer)}",
                "value": row.value,
                "spread": row.spread,
                "held_out": row.held_out,
                "seconds": row.seconds,
                "note": row.note,
            }
            for position, row in enumerate(ranked, start=1)
        ]
    )
    columns = {
        "trainer": name_column("Trainer", width=210),
        **({"value": number_column("Mean over the folds", 4, width=150)} if has_folds else {}),
        **({"spread": number_column("Standard deviation", 4, width=140)} if has_folds else {}),
        "held_out": number_column("On unseen rows", 4, width=120),
        "seconds": number_column("Duration (s)", 1, width=100),
        "note": text_column("Note"),
    }
    opens = ("run", "id")
    table(frame, columns, key="job_leaderboard", alt="Leaderboard", opens=opens)
    _without_run([row for row in leaderboard.rows if not row.run])


def _without_run(rows: Sequence[LeaderboardRow]) -> None:
    if not rows:
        return
    lines = [f"**{trainer_title(row.trainer)}**: {literal(row.note)}" for row in rows]
    title = f"{plural(len(rows), 'trainer')} without a result"
    st.markdown("  \n".join([f":gray[{title}]", *lines]))
