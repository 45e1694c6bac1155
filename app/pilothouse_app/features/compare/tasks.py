"""What the runs are models of; runs of different tasks, and which of them can be compared."""

from __future__ import annotations

import streamlit as st

from pilothouse_app.components.formats import plural
from pilothouse_app.components.links import compare, go_next
from pilothouse_app.components.markdown import literal
from pilothouse_app.features.compare.context import ComparisonContext

MAX_NAMED = 4


def task_note(context: ComparisonContext) -> str:
    """How many runs there are, and what they are models of where that is one thing."""
    runs = plural(len(context.ids), "run")
    tasks = {context.compared.describe_task(run) for run in context.ids} - {""}
    return f"{runs}, {tasks.pop()}" if len(tasks) == 1 else runs


def different_tasks(context: ComparisonContext) -> None:
    """For runs of different tasks: what they are, and each set that can be compared."""
    sets = context.compared.comparable_sets
    if len(sets) < 2:
        return
    with st.container(border=True, key="compare_tasks"):
        st.markdown(
            "**:orange[:material/warning:] These runs are models of different tasks.** Their "
            "metrics measure different things, so only runs of one set are compared."
        )
        for index, runs in enumerate(sets):
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.markdown(_named(context, runs), width="content")
                if len(runs) > 1:
                    st.button(
                        f"Compare these {len(runs)}",
                        key=f"compare_set_{index}",
                        icon=":material/compare_arrows:",
                        on_click=go_next,
                        args=(compare(runs, baseline=runs[0]),),
                    )


def _named(context: ComparisonContext, runs: tuple[str, ...]) -> str:
    """The task of a set and its runs."""
    title = context.compared.describe_task(runs[0]) or "Task not recorded"
    names = ", ".join(context.labels[run] for run in runs[:MAX_NAMED])
    more = f" and {len(runs) - MAX_NAMED} more" if len(runs) > MAX_NAMED else ""
    return f"**{literal(title)}**: {literal(names)}{more}"
