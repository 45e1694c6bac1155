"""A history by two settings: the metric with its falls, the statuses, and the alerts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from pilothouse_app.charts.base import date_pattern, empty_figure, floats, literal, with_opacity
from pilothouse_app.charts.palette import Palette, palette
from pilothouse_app.charts.series import STATES
from pilothouse_app.charts.windows import band

if TYPE_CHECKING:
    import pandas as pd

SETTINGS: Mapping[str, str] = {"now": "now", "tried": "tried"}
METRIC_HEIGHT, ROW_HEIGHT, MARGINS = 190, 26, 60
MAX_RULES = 6


def replay_height(windows: pd.DataFrame, episodes: pd.DataFrame) -> int:
    """The height of the chart in pixels."""
    return _metric_height(windows) + ROW_HEIGHT * len(_rows(episodes)) + MARGINS


def _metric_height(windows: pd.DataFrame) -> int:
    """None for a metric that no window has."""
    return METRIC_HEIGHT if windows["value"].notna().any() else 0


def replay_chart(
    windows: pd.DataFrame,
    episodes: pd.DataFrame,
    *,
    dark: bool,
    title: str,
    tickformat: str = ".2f",
) -> go.Figure:
    """The windows and episodes of a replay on one time axis, a row for each kind of bar.

    Statuses have a bar a window; an alert has one from its first window to its end, pale until it
    fired. Falls are marked on the metric, and so are both limits.
    """
    colours = palette(dark)
    chart = empty_figure(dark, hover="closest")
    height = _metric_height(windows)
    if height:
        _metric(chart, windows, title, tickformat, colours)
    rows = _rows(episodes)
    for side in SETTINGS:
        _statuses(chart, windows, side, colours)
        for rule in _rules(episodes):
            chosen = episodes[(episodes["settings"] == side) & (episodes["rule"] == rule)]
            _alerts(chart, windows, chosen, _row_name(rule, side), colours)

    share = min(ROW_HEIGHT * len(rows) / (ROW_HEIGHT * len(rows) + height), 0.95)
    chart.update_layout(
        yaxis={
            "domain": [share + 0.04, 1.0], "visible": bool(height),
            "tickformat": tickformat, "title": literal(title),
        },
        yaxis2={
            "domain": [0.0, share], "anchor": "x", "type": "category", "showgrid": False,
            "categoryorder": "array", "categoryarray": rows[::-1], "ticksuffix": "  ",
            "range": [-0.5, len(rows) - 0.5],
        },
        barmode="overlay",
        bargap=0.25,
    )  # fmt: skip
    return chart.update_xaxes(type="date", anchor="y2")


def _rules(episodes: pd.DataFrame) -> list[str]:
    return sorted(set(episodes["rule"]))[:MAX_RULES]


def _row_name(rule: str, side: str) -> str:
    return f"{literal(rule, 24)}, {SETTINGS[side]}"


def _rows(episodes: pd.DataFrame) -> list[str]:
    """The rows of bars from the top: statuses, then the alerts of each rule."""
    names = ["Status", *_rules(episodes)]
    return [_row_name(name, side) for name in names for side in SETTINGS]


def _metric(
    chart: go.Figure, windows: pd.DataFrame, title: str, tickformat: str, colours: Palette
) -> None:
    rows = windows[windows["value"].notna()]
    date = date_pattern(rows["start"])
    measured = rows[rows["standard_error"].notna()]
    if len(measured):
        band(chart, measured, "value", "standard_error", colours.reference)
    chart.add_scatter(
        x=rows["start"], y=floats(rows["value"]), mode="lines", showlegend=False,
        line={"width": 1.5, "color": colours.reference},
        hovertemplate=f"%{{x|{date}}}: %{{y:{tickformat}}}<extra></extra>",
    )  # fmt: skip
    differs = not rows["limit_now"].equals(rows["limit_tried"])
    for side, dash in (("now", "dash"), ("tried", "dot"))[: 1 + differs]:
        chart.add_scatter(
            x=rows["start"], y=floats(rows[f"limit_{side}"]), mode="lines",
            name=f"Limit {SETTINGS[side]}",
            line={
                "width": 1,
                "color": colours.muted if side == "now" else colours.accent,
                "dash": dash,
            },
            hovertemplate=f"%{{y:{tickformat}}} limit {SETTINGS[side]}<extra></extra>",
        )  # fmt: skip
    falls = rows[rows["fall"].eq(True)]
    chart.add_scatter(
        x=falls["start"], y=floats(falls["value"]), mode="markers", name="Real fall",
        marker={"size": 9, "symbol": "diamond", "color": colours.bad},
        hovertemplate=f"%{{x|{date}}}: %{{y:{tickformat}}} · real fall<extra></extra>",
    )  # fmt: skip


def _statuses(chart: go.Figure, windows: pd.DataFrame, side: str, colours: Palette) -> None:
    statuses, date = list(windows[f"status_{side}"]), date_pattern(windows["start"])
    _bars(
        chart,
        list(zip(windows["start"], windows["end"], strict=True)),
        _row_name("Status", side),
        [getattr(colours, STATES.get(status, "muted")) for status in statuses],
        [
            f"{start:{date}}: {status}"
            for start, status in zip(windows["start"], statuses, strict=True)
        ],
    )


def _alerts(
    chart: go.Figure, windows: pd.DataFrame, alerts: pd.DataFrame, row: str, colours: Palette
) -> None:
    """Two bars an alert: pale while it is pending, full from the window that fired it."""
    spans, tints, texts = [], [], []
    last, date = windows["end"].max(), date_pattern(windows["start"])
    for alert in alerts.to_dict("records"):
        is_open = alert["cleared"] is None or alert["cleared"] != alert["cleared"]
        end = last if is_open else alert["cleared"]
        fired = alert["fired"] if alert["fired"] == alert["fired"] else None
        if fired is None or fired > alert["first"]:
            spans.append((alert["first"], end if fired is None else fired))
            tints.append(with_opacity(colours.warn, 0.35))
            texts.append(f"pending from {alert['first']:{date}}")
        if fired is not None:
            spans.append((fired, end))
            tints.append(colours.bad if alert["severity"] == "critical" else colours.warn)
            until = "" if is_open else f", cleared {end:{date}}"
            texts.append(f"fired {fired:{date}}{until}")
    _bars(chart, spans, row, tints, texts)


def _bars(
    chart: go.Figure,
    spans: Sequence[tuple[pd.Timestamp, pd.Timestamp]],
    row: str,
    tints: list[str],
    texts: list[str],
) -> None:
    chart.add_bar(
        base=[start.isoformat() for start, _ in spans],
        x=[(end - start).total_seconds() * 1000 for start, end in spans],
        y=[row] * len(spans),
        yaxis="y2",
        orientation="h",
        marker={"color": tints, "line": {"width": 0}},
        customdata=[literal(text) for text in texts],
        hovertemplate="%{customdata}<extra></extra>",
        showlegend=False,
    )
