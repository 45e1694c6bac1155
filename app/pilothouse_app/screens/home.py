"""Home: what is in production, how it does, what waits for a person, what runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import streamlit as st

from pilothouse.monitoring.check_titles import check_title
from pilothouse_app import charts
from pilothouse_app.components.charting import dark, echart, figure
from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.filters import switch
from pilothouse_app.components.formats import ago, compact, number, plural
from pilothouse_app.components.header import header, section
from pilothouse_app.components.kpis import Kpi, kpi_row
from pilothouse_app.components.links import PageAddress, address, link, screen
from pilothouse_app.components.live import live
from pilothouse_app.components.screen import Screen
from pilothouse_app.components.table import (
    name_column,
    status_column,
    table,
    text_column,
)
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.attention.items import attention_line
from pilothouse_app.features.experiments.formatting import display_frame
from pilothouse_app.features.home.overview import Overview, is_new, overview
from pilothouse_app.features.monitoring.alerts import ALL, SCOPES
from pilothouse_app.features.pipelines.progress import job_line
from pilothouse_app.features.pipelines.start import demo_button

SCREEN = Screen(
    title="Home",
    path="",
    icon=":material/space_dashboard:",
    summary="What is in production, how it does, and what waits for a decision.",
    section="",
    order=0,
)

SPANS = {"1 h": 1.0, "24 h": 24.0, "7 d": 168.0}
CHART, HEALTH = 214, 196
MAX_WAITING = 7


def render() -> None:
    """Draw the page."""
    if is_new():
        _first_steps()
        return
    ws = workspace()
    with header("Home"):
        if ws.pipelines.demo_job() is None:
            demo_button()
        span = switch("home_span", list(SPANS), "Span", default="1 h")
    live(lambda: _body(span), key="home_live", busy=bool(ws.jobs.active()), idle_seconds=10)


def _first_steps() -> None:
    with header("Home"):
        pass
    empty(
        "Welcome to Pilothouse",
        "This workspace is empty. Run the demo to see a real model's whole life in a few "
        "minutes: training, deployment, live predictions, drift, an alert and a retraining. "
        "Or begin with data of your own.",
        icon=":material/sailing:",
        to=("Register a dataset", screen("data")),
    )
    with st.container(horizontal=True, horizontal_alignment="center"):
        demo_button(primary=True)


def _body(span: str) -> bool:
    """The part that moves; whether something runs."""
    now = overview(SPANS[span])
    with st.container():  # always there, so that what stands below is not drawn anew
        for job in now.jobs[:3]:
            job_line(job)
    kpi_row(_tiles(now, span))
    left, right = st.columns([63, 37], gap="small")
    with left, st.container(border=True, height="stretch"):
        _traffic(now, span)
    with right, st.container(border=True, height="stretch"):
        _waiting(now)
    left, right = st.columns([63, 37], gap="small")
    with left, st.container(border=True, height="stretch"):
        _production(now)
    with right, st.container(border=True, height="stretch"):
        _runs(now)

    return bool(now.jobs)


def _tiles(now: Overview, span: str) -> list[Kpi]:
    serving = now.deployments[now.deployments["serving_version"].notna()]
    firing = sum(alert["state"] == "firing" for alert in now.alerts)
    newest = now.promotions[0] if now.promotions else None

    return [
        Kpi(
            "In production",
            plural(len(now.production), "model"),
            f"{len(serving)} deployed" if len(serving) else "none is serving yet",
        ),
        Kpi(
            f"Predictions, last {span}",
            compact(now.rows),
            f"{plural(now.requests, 'request')}, {plural(now.errors, 'error')}",
        ),
        Kpi(
            "Latency (p95)",
            "–" if now.p95_ms is None else f"{number(now.p95_ms, 1)} ms",  # noqa: RUF001
            "latest minutes" if now.p95_ms is not None else "no traffic yet",
        ),
        Kpi(
            "Open alerts",
            str(len(now.alerts)),
            f"{firing} firing" if firing else "none firing",
            to=_alerts_address(now),
            alarming=bool(firing),
        ),
        Kpi(
            "Waiting for a decision",
            str(len(now.promotions)),
            f"{newest['model']} {newest['version']}" if newest else "nothing",
        ),
    ]


def _alerts_address(now: Overview) -> PageAddress:
    """The only open alert, else the inbox of all deployments, which the tile counts."""
    if len(now.alerts) == 1:
        return address("alert", str(now.alerts[0]["id"]))
    return screen("monitoring", monitoring_view="Alerts", alerts_scope=SCOPES[ALL])


def _traffic(now: Overview, span: str) -> None:
    section("Traffic", f"requests, last {span}")
    if now.traffic.empty:
        empty(
            "No traffic",
            f"No deployment received a request in the last {span}.",
            icon=":material/show_chart:",
            key="home_traffic_empty",
            border=False,
        )
        return

    until = datetime.now(UTC)
    echart(
        charts.counts_over_time(
            now.traffic.assign(answered=now.traffic["requests"] - now.traffic["errors"]),
            dark=dark(),
            at="at",
            parts={"answered": "Answered", "errors": "Errors"},
            colours={"answered": "accent", "errors": "bad"},
            span=(until - timedelta(hours=SPANS[span]), until),
        ),
        key="home_traffic",
        height=CHART,
        alt=f"Requests over the last {span}",
    )


def _waiting(now: Overview) -> None:
    with st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
    ):
        section("Needs a person")
        if now.attention:
            link(screen("attention"), f"All {len(now.attention)}", icon=":material/list:")
    if not now.attention:
        empty(
            "All clear",
            "No alert is open, no job has failed and no decision waits.",
            icon=":material/task_alt:",
            key="home_clear",
            border=False,
        )
    with st.container(key="lines_attention"):
        for item in now.attention[:MAX_WAITING]:
            attention_line(item)


def _production(now: Overview) -> None:
    section("Deployments", str(len(now.deployments)))
    if now.deployments.empty:
        empty(
            "Nothing is deployed",
            "Register a run's model, promote it, then launch it.",
            icon=":material/rocket_launch:",
            to=("Open deployments", screen("deployments")),
            key="home_deployments_empty",
            border=False,
        )
        return

    table(
        now.deployments,
        {
            "name": name_column("Deployment", width=108),
            "version": text_column("Version", width=96),
            "status": status_column(width=92),
            "drift": status_column("Drift", width=80),
            "performance": status_column("Observed", width=96),
            "message": text_column("Message"),
        },
        key="home_deployments",
        ids="name",
        alt="Deployments and their health",
        opens=("deployment", "name"),
    )

    if not now.windows.empty:
        metric = check_title(str(now.windows["metric"].iloc[0]))
        section(f"Observed {metric}", "by window of event time, from labels")
        figure(
            charts.by_group(
                now.windows, dark=dark(), at="start", value="value", group="deployment"
            ),
            key="home_health",
            height=HEALTH,
            alt=f"Observed {metric} of each deployment by window",
        )


def _runs(now: Overview) -> None:
    section("Latest runs")
    if now.runs.empty:
        empty(
            "No runs yet",
            "Train on a dataset to see runs here.",
            icon=":material/science:",
            key="home_runs_empty",
            border=False,
        )
        return
    table(
        display_frame(now.runs).assign(created=[ago(at) for at in now.runs["created_at"]]),
        {
            "name": name_column("Run", width=158),
            "metric": text_column("Metric", width=126),
            "created": text_column("Created", width=72),
        },
        key="home_runs",
        alt="Latest runs",
        opens=("run", "id"),
    )
