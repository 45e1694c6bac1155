"""Monitoring: how a deployment does over time, what drifted, and the alerts about it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from pilothouse.kit.errors import NotFound
from pilothouse.monitoring.window_selection import WindowSelection
from pilothouse_app.charts.drift import drift_heatmap
from pilothouse_app.components.charting import dark, figure
from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.filters import choose_one, filter_bar, pager, switch
from pilothouse_app.components.formats import title
from pilothouse_app.components.header import header, section
from pilothouse_app.components.links import address, go, link, query_param, screen
from pilothouse_app.components.screen import Screen
from pilothouse_app.components.table_height import table_height
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.monitoring.alerts import inbox
from pilothouse_app.features.monitoring.clocks import trend_of
from pilothouse_app.features.monitoring.custom import checks_view
from pilothouse_app.features.monitoring.drift import ranking_and_distributions
from pilothouse_app.features.monitoring.evidently import evidently_view
from pilothouse_app.features.monitoring.groups import groups_over_time
from pilothouse_app.features.monitoring.metrics import monitored_metrics
from pilothouse_app.features.monitoring.notifications import notifications_view
from pilothouse_app.features.monitoring.replay import try_on_history
from pilothouse_app.features.monitoring.reports import download_page
from pilothouse_app.features.monitoring.rules import add_rule_button, rules_view
from pilothouse_app.features.monitoring.selection import choose_windows, selection_note
from pilothouse_app.features.monitoring.settings import change_settings_button, settings_view
from pilothouse_app.features.monitoring.skew import measure_button, skew_view
from pilothouse_app.features.monitoring.trends import latest_metrics, trends
from pilothouse_app.features.monitoring.windows import choose_window, window_table
from pilothouse_app.features.pipelines.progress import running_jobs
from pilothouse_app.features.pipelines.start import retrain_button

if TYPE_CHECKING:
    from collections.abc import Sequence

SCREEN = Screen(
    title="Monitoring",
    path="monitoring",
    icon=":material/monitoring:",
    summary="Drift, performance and alerts",
    section="Operate",
    order=20,
)
VIEWS = (
    *("overview", "drift", "segments", "skew", "windows", "alerts"),
    *("notifications", "rules", "checks", "evidently", "settings"),
)
PAGE, PAGER = 100, "monitoring_page"
KINDS = ("evaluate_windows", "retrain", "drift_report", "export_evidently", "measure_skew")


def render() -> None:
    """One deployment's windows, drift, alerts or rules."""
    names = list(workspace().deployments.deployments()["name"])
    if not names:
        with header("Monitoring"):
            pass
        empty(
            "Nothing is monitored yet",
            "Monitoring begins with a deployment: its predictions are gathered in windows.",
            to=("Open deployments", screen("deployments")),
        )
        return

    name = _deployment(names)
    if not is_monitored(name):
        with header("Monitoring"):
            _deployment_link(name)
        _bar(names, name)
        _not_monitored(name)
        return

    newest = workspace().monitoring.windows(name, WindowSelection(1))
    status = str(newest["status"].iloc[-1]) if len(newest) else ""
    with header("Monitoring", status=status, note="newest window" if status else ""):
        _commands(name)
    view = _bar(names, name, has_windows=len(newest) > 0)
    running_jobs(KINDS)

    if view == "alerts":
        inbox(name)
    elif view == "notifications":
        notifications_view(name)
    elif view == "rules":
        rules_view(name)
    elif view == "checks":
        checks_view(name)
    elif view == "evidently":
        evidently_view(name, newest)
    elif view == "skew":
        skew_view(name)
    elif view == "settings":
        settings_view(name)
        try_on_history(name)
    elif newest.empty:
        _no_window()
    else:
        _of_windows(view, name, newest)


def _deployment(names: Sequence[str]) -> str:
    """The deployment in the address, or of the rule in it; else the first."""
    requested = query_param("monitoring_deployment")
    if query_param("rule"):
        rules = workspace().monitoring.rules()
        requested = next(iter(rules[rules["id"] == query_param("rule")]["deployment"]), requested)
    selected = str(st.session_state.get("monitoring_deployment", requested))
    return selected if selected in names else names[0]


def _bar(names: Sequence[str], name: str, *, has_windows: bool = False) -> str:
    with filter_bar():
        start = "rules" if query_param("rule") else VIEWS[0]
        view = switch("monitoring_view", VIEWS, "Show", default=start, format_func=title)
        # The first name is the widget's default: Streamlit leaves defaults out of the address.
        first = name if query_param("rule") else names[0]
        choose_one("monitoring_deployment", names, "Deployment", default=first)
        if view == "rules":
            add_rule_button(name)
        if view == "skew":
            measure_button(name)
        if view == "settings":
            change_settings_button(name)
        if view == "windows" and has_windows:
            _download_period(name)
    return view


def _deployment_link(name: str) -> None:
    link(address("deployment", name), "Deployment", icon=":material/rocket_launch:")


def _commands(name: str) -> None:
    _deployment_link(name)
    retrain_button(name)
    if st.button(
        "Evaluate now",
        type="primary",
        icon=":material/refresh:",
        help="Evaluates every window that has new predictions or labels",
        key="evaluate",
    ):
        job = workspace().pipelines.evaluate(name)
        toast_next("Evaluation started")
        go(address("job", job))


def is_monitored(name: str) -> bool:
    """Whether a deployment has a monitor."""
    try:
        workspace().monitoring.monitor_info(name)
    except NotFound:
        return False
    return True


def _not_monitored(name: str) -> None:
    empty(
        f"{name} is not monitored yet",
        "Monitoring gathers its predictions by week and raises an alert when performance falls or "
        "most columns drift.",
        icon=":material/monitoring:",
        action=("Monitor it", lambda: _monitor(name)),
        key="not_monitored",
    )


def _monitor(name: str) -> None:
    workspace().pipelines.monitor(name)
    toast_next(f"{name} is monitored")
    st.rerun()


def _no_window() -> None:
    empty(
        "No window has been evaluated",
        "Predictions are gathered by event time; evaluate them to see how they differ from "
        "what the model was trained on.",
        icon=":material/query_stats:",
        key="no_windows",
    )


def _of_windows(view: str, name: str, newest: pd.DataFrame) -> None:
    if view == "windows":
        _list(name)
        return
    metrics = monitored_metrics(name)
    if view == "overview":
        latest_metrics(name, newest, metrics)
    selection = choose_windows(name)
    if view == "drift":
        _drift(name, str(newest["id"].iloc[-1]), selection)
    elif view == "segments":
        groups_over_time(name, str(newest["id"].iloc[-1]), selection)
    else:
        trends(name, selection, metrics)


def _list(name: str) -> None:
    """One page of windows, the newest first."""
    total = workspace().monitoring.window_count(name)
    body = st.container()
    page = pager(total, key=PAGER, size=PAGE)
    windows = workspace().monitoring.windows(name, _on_page(page))
    reserve = 15 if total > PAGE else 12
    with body, table_height("windows", len(windows), reserve=reserve) as height:
        window_table(windows, monitored_metrics(name), height=height)


def _on_page(page: int) -> WindowSelection:
    return WindowSelection(PAGE, (page - 1) * PAGE)


def _download_period(name: str) -> None:
    """The page of all windows that are listed."""
    windows = workspace().monitoring.windows(name, _on_page(st.session_state.get(PAGER, 1)))
    start, end = windows["start"].min().to_pydatetime(), windows["end"].max().to_pydatetime()
    download_page(
        partial(workspace().monitoring.period_page, name, start, end),
        f"{name}-{start:%Y-%m-%d}-to-{end:%Y-%m-%d}.html",
        key="period_page",
    )


def _drift(name: str, newest: str, selection: WindowSelection) -> None:
    about = "score over its limit, by window"
    section("Drift of every column", "; ".join(filter(None, (about, selection_note(selection)))))
    ranking = workspace().monitoring.drift_ranking(newest)
    trend = _primary_trend(name, selection)
    drifting = set(trend["column"])  # no drift of times is tested
    order = [str(column) for column in ranking["column"] if column in drifting]
    if trend.empty or not trend["score"].notna().any():
        st.markdown(":gray[No window has enough rows to be evaluated.]")
    else:
        figure(
            drift_heatmap(trend, dark=dark(), order=order, titles=order),
            key="drift_heatmap",
            height=80 + 19 * min(len(order), 24),
            alt="Drift of each column over its limit, by window; most important columns on top",
        )

    windows = workspace().monitoring.windows(name, selection)
    chosen = choose_window(windows, "monitoring_window")
    ranking_and_distributions(chosen, key=f"drift_{chosen}")
    link(address("window", chosen), "Open this window", icon=":material/date_range:")


def _primary_trend(name: str, selection: WindowSelection) -> pd.DataFrame:
    """Of each column the test that decides."""
    monitoring = workspace().monitoring
    checks = dict.fromkeys(monitoring.monitor_info(name).config.primary.values())
    trends = [
        trend_of(name, check, signal="feature_drift", selection=selection) for check in checks
    ]
    return pd.concat(trends).drop_duplicates(["window", "column"])
