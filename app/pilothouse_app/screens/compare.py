"""Compare: two to ten runs against a baseline, by default the champion."""

from __future__ import annotations

import streamlit as st

from pilothouse.comparison.agreement import UNKNOWN
from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.filters import switch
from pilothouse_app.components.formats import plural
from pilothouse_app.components.header import header
from pilothouse_app.components.links import compare, go_next, link, screen
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.screen import Screen
from pilothouse_app.features.compare.context import ComparisonContext, Selection, selection
from pilothouse_app.features.compare.data import data_view
from pilothouse_app.features.compare.evaluation import evaluation_view
from pilothouse_app.features.compare.export import export_button
from pilothouse_app.features.compare.histories import histories_view
from pilothouse_app.features.compare.metrics import metrics_view
from pilothouse_app.features.compare.parallel import parallel_view
from pilothouse_app.features.compare.settings import settings_view
from pilothouse_app.features.compare.slices import slices_view
from pilothouse_app.features.compare.summary import summary_view
from pilothouse_app.features.compare.tasks import different_tasks, task_note

SCREEN = Screen(
    title="Compare",
    path="compare",
    icon=":material/compare_arrows:",
    summary="Runs side by side: what differs, by how much, and every curve overlaid.",
    section="Explore",
    order=30,
)

VIEWS = {
    "summary": ("Summary", summary_view),
    "metrics": ("Metrics", metrics_view),
    "settings": ("Parameters and code", settings_view),
    "data": ("Data", data_view),
    "evaluation": ("Evaluation", evaluation_view),
    "slices": ("Slices and disagreements", slices_view),
    "parallel": ("Parallel and importance", parallel_view),
    "history": ("Over steps", histories_view),
}
WHOLE = ("evaluation", "parallel", "history")  # what asks for stored curves and histories


def render() -> None:
    """The runs and versions that the address names."""
    which = selection()
    if not which.enough:
        _nothing_chosen()
        return

    # The view is asked before it is drawn: only some need everything that runs kept.
    view = st.session_state.get("compare_view") or _view_from_address()
    context = ComparisonContext(which, whole=view in WHOLE)

    with header("Compare", note=task_note(context)):
        _cautions(context)
        _choose_baseline(context, which)
        export_button(context)
        link(screen("experiments"), "Choose other runs", icon=":material/checklist:")

    different_tasks(context)
    view = switch("compare_view", list(VIEWS), "Show", format_func=lambda name: VIEWS[name][0])
    VIEWS[view][1](context)


def _view_from_address() -> str:
    """The view that the address names in its words, as bound widgets write them."""
    title = str(st.query_params.get("compare_view", ""))
    return next((name for name, (view_title, _) in VIEWS.items() if view_title == title), "summary")


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


def _choose_baseline(context: ComparisonContext, which: Selection) -> None:
    key = f"compare_baseline_{context.compared.baseline}"
    st.selectbox(
        "Baseline",
        context.ids,
        format_func=lambda run: (
            f"Baseline: {context.labels[run]}" + (" (champion)" if run in which.champions else "")
        ),
        key=key,
        on_change=_rebase,
        args=(key, context.ids),
        label_visibility="collapsed",
        width=320,
    )


def _rebase(key: str, runs: list[str]) -> None:
    go_next(compare(runs, baseline=st.session_state[key]))


def _cautions(context: ComparisonContext) -> None:
    notes = context.compared.notes
    unsure = [
        agreement.title.lower()
        for agreement in context.compared.agreements
        if agreement.state == UNKNOWN
    ]
    lines = [literal(note.message) for note in notes]
    if unsure:
        lines.append(f"Not known whether all runs have the same {', '.join(unsure)}; see Data.")
    if lines:
        with st.popover(plural(len(lines), "caution"), icon=":material/warning:"):
            st.markdown("\n".join(f"- {line}" for line in lines))
