"""The page of a period: all windows of a deployment that begin in it, from what is stored."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlmodel import Session, col, select

from pilothouse.kit.errors import Invalid, NotFound
from pilothouse.kit.pages.markup import Html, clip, join, tag
from pilothouse.kit.pages.page_layout import (
    TableColumn,
    Tile,
    bullets,
    paragraph,
    section,
    table,
    tiles,
)
from pilothouse.monitoring import monitors, timeline, window_frames
from pilothouse.monitoring.alert_rules import rule_title
from pilothouse.monitoring.checks import (
    DATA_QUALITY,
    ESTIMATED_PERFORMANCE,
    FAIL,
    FEATURE_DRIFT,
    PERFORMANCE,
    PRIMARY,
    WARN,
)
from pilothouse.monitoring.past_windows import past_windows
from pilothouse.monitoring.plain_json import plain_rows
from pilothouse.monitoring.ranking import BREACHED, deciding_checks
from pilothouse.monitoring.report_pages.page_layout import badge, document
from pilothouse.monitoring.report_pages.svg_timeline import (
    EVENT_KINDS,
    event_mark,
    metric_timeline,
    status_map,
)
from pilothouse.monitoring.report_pages.value_text import (
    DASH,
    STATUS_TITLES,
    MetricText,
    day,
    plural,
    sentence_case,
    share,
)
from pilothouse.monitoring.tables import Alert, CheckResult, Window, of_newest_revision
from pilothouse.monitoring.window_selection import WindowSelection
from pilothouse.monitoring.windows import Span, span_text
from pilothouse.storage import Store

if TYPE_CHECKING:
    import pandas as pd

MAX_COLUMNS = 60
MAX_WINDOWS = 120  # of the table
MAX_MAPPED = 200  # windows of the map of columns; performance over time has them all
MAX_EVENTS = 60
MAX_ALERTS = 40
MAX_MESSAGE = 240
WINDOWS = (
    TableColumn("Window"),
    TableColumn("Version"),
    TableColumn("State"),
    TableColumn("Drift"),
    TableColumn("Metric", number=True),
    TableColumn("Expected", number=True),
    TableColumn("Drifted", number=True),
    TableColumn("Predictions", number=True),
    TableColumn("Labelled", number=True),
)
ALERTS = (
    TableColumn("Alert"),
    TableColumn("Severity"),
    TableColumn("State"),
    TableColumn("First window"),
    TableColumn("Last window"),
    TableColumn("Message"),
)

Row = dict[str, Any]


@dataclass(frozen=True)
class PeriodReport:
    """All that the page of a period says, read in one transaction.

    `busiest` are the windows with one version for each span, which the charts show; `columns` are
    names with their statuses by those windows. `metric` and `estimate` are of one metric.
    """

    span: Span
    windows: list[Row]
    busiest: list[Row]
    columns: list[tuple[str, list[str | None]]]
    metric_key: str
    metric: list[Row]
    estimate: list[Row]
    events: list[Row]
    alerts: list[tuple[Alert, Window, Window]]
    metrics: MetricText

    @property
    def whole(self) -> Span:
        """From the start of the first window to the end of the last one."""
        return Span(self.windows[0]["start"], max(row["end"] for row in self.windows))

    @property
    def zone(self) -> str | None:
        """The time zone of all of them; UTC, where they have several."""
        zones = {row["zone"] for row in self.windows}
        return zones.pop() if len(zones) == 1 else None


def period_page(
    session: Session, store: Store, deployment: str, start: datetime, end: datetime
) -> bytes:
    """The page of the windows that begin from `start` up to, and without, `end`.

    Raises NotFound without a monitor or such a window, Invalid when the period is empty.
    """
    report = read_period(session, deployment, Span(start, end))
    title = f"{deployment}, {span_text(report.whole.start, report.whole.end, report.zone)}"
    return document(
        store,
        title,
        tag("h1", title),
        paragraph(_versions(report), "muted"),
        tag("p", tag("b", _summary(report)), class_="lead"),
        _tiles(report),
        _timeline(report),
        _status_map(report),
        _alerts(report),
        _events(report),
        _windows(report),
        about=f"Windows of {deployment} that begin from {start:%Y-%m-%d %H:%M} to "
        f"{end:%Y-%m-%d %H:%M} UTC, as last evaluated.",
    )


def read_period(session: Session, deployment: str, span: Span) -> PeriodReport:
    """Read what a period's page says. Raises NotFound or Invalid."""
    if span.end <= span.start:
        raise Invalid("a period must end after it starts.", fields={"end": "not after the start"})
    metrics = MetricText(monitors.monitored(session, deployment))
    windows = _windows_of(session, deployment, span)
    busiest = windows.drop_duplicates(["start", "end"])  # those of a span come by rows
    ids = list(busiest["id"])
    key, metric, estimate = _primary_metric(session, deployment, span, ids)
    events = timeline.timeline(session, deployment)
    is_in = (events["at"] >= span.start) & (events["at"] < span.end)
    return PeriodReport(
        span=span,
        windows=plain_rows(windows),
        busiest=plain_rows(busiest),
        columns=_column_statuses(session, ids),
        metric_key=key,
        metric=metric,
        estimate=estimate,
        events=plain_rows(events[is_in]),
        alerts=_alerts_of(session, deployment, span),
        metrics=metrics,
    )


def _windows_of(session: Session, deployment: str, span: Span) -> pd.DataFrame:
    """The windows with rows, oldest first. Raises NotFound when there is none."""
    windows = window_frames.windows(session, deployment, WindowSelection(within=span))
    chosen = windows[windows["rows"] > 0]
    if chosen.empty:
        hint = "Evaluate its windows first."
        past = past_windows(session, deployment)
        if past:
            hint = f"Its windows begin from {past[0].start:%Y-%m-%d} to {past[-1].start:%Y-%m-%d}."
        raise NotFound(f"no window of {deployment!r} begins in this period.", hint=hint)
    return chosen


def _primary_metric(
    session: Session, deployment: str, span: Span, ids: list[str]
) -> tuple[str, list[Row], list[Row]]:
    """The metric that decided last, as observed and as estimated, by window.

    Another version may be held to another metric: their values do not share an axis.
    """
    within = WindowSelection(within=span)
    both = [
        window_frames.trend(session, deployment, PRIMARY, None, signal, within)
        for signal in (PERFORMANCE, ESTIMATED_PERFORMANCE)
    ]
    sides = [frame[frame["window"].isin(ids)] for frame in both]
    keys = [str(frame["check"].iloc[-1]) for frame in sides if len(frame)]
    if not keys:
        return "", [], []
    scored = [frame[(frame["check"] == keys[0]) & frame["score"].notna()] for frame in sides]
    return keys[0], plain_rows(scored[0]), plain_rows(scored[1])


def _column_statuses(session: Session, ids: list[str]) -> list[tuple[str, list[str | None]]]:
    """Of each column the status by window, as its ranking has it; the most breaches first."""
    import pandas as pd

    result = CheckResult
    names = ("window_id", "signal", "column", "status", "primary")
    query = (
        select(*[getattr(result, name) for name in names])
        .join(Window, of_newest_revision())
        .where(
            col(result.window_id).in_(ids),
            col(result.signal).in_((FEATURE_DRIFT, DATA_QUALITY)),
            result.column != "",
        )
        .order_by(col(result.id))
    )
    rows = [tuple(row) for row in session.execute(query).all()]
    deciding = deciding_checks(pd.DataFrame(rows, columns=list(names)), ("window_id", "column"))
    statuses: dict[str, dict[str, str]] = defaultdict(dict)
    for row in deciding.to_dict("records"):
        statuses[str(row["column"])][str(row["window_id"])] = str(row["status"])

    columns = [(name, [own.get(key) for key in ids]) for name, own in statuses.items()]
    return sorted(columns, key=lambda column: (-_breached(column[1]), column[0]))


def _breached(statuses: list[str | None]) -> int:
    return sum(status in BREACHED for status in statuses)


def _alerts_of(session: Session, deployment: str, span: Span) -> list[tuple[Alert, Window, Window]]:
    """The alerts that have fired, whose windows lie in the period at least in part."""
    from sqlalchemy.orm import aliased

    first, last = aliased(Window), aliased(Window)
    query = (
        select(Alert, first, last)
        .join(first, col(first.id) == col(Alert.first_window))
        .join(last, col(last.id) == col(Alert.last_window))
        .where(
            Alert.deployment == deployment,
            col(Alert.fired_at).is_not(None),
            col(first.start) < span.end,
            col(last.start) >= span.start,
        )
        .order_by(col(first.start), col(Alert.id))
    )
    return [(row[0], row[1], row[2]) for row in session.execute(query).all()]


def _versions(report: PeriodReport) -> str:
    versions = dict.fromkeys(
        f"{row['model']}@{row['version']}" if row["model"] else f"version {row['version']}"
        for row in report.windows
    )
    return f"Model {'version' if len(versions) == 1 else 'versions'} {', '.join(versions)}"


def _summary(report: PeriodReport) -> str:
    """How many of the windows are bad: "Of 12 windows 3 are failing and 2 warn"."""
    statuses = Counter(str(row["status"]) for row in report.windows)
    parts = [
        f"{statuses[status]} {verb}"
        for status, verb in ((FAIL, "failing"), (WARN, "warning"))
        if statuses[status]
    ]
    whole = plural(len(report.windows), "window")
    return f"{whole}: {', '.join(parts)}." if parts else f"{whole}: none fails or warns."


def _tiles(report: PeriodReport) -> Html:
    rows = sum(row["rows"] for row in report.windows)
    labelled = sum(row["labelled"] for row in report.windows)
    items = [
        Tile("Predictions", f"{rows:,}", (f"in {plural(len(report.windows), 'window')}",)),
        Tile("Labelled", f"{labelled:,}", (f"{share(labelled / rows)} of the predictions",)),
        *_metric_tile(report),
        Tile("Alerts", f"{len(report.alerts):,}", ("that have fired",)),
    ]
    return tiles(items)


def _metric_tile(report: PeriodReport) -> list[Tile]:
    """The primary metric of the last window that has it."""
    if not report.metric:
        return []
    row, key, metrics = report.metric[-1], report.metric_key, report.metrics
    notes = (
        metrics.interval(key, row["score"], row["standard_error"]),
        f"reference {metrics.value(key, row['reference'])}",
        f"last: {span_text(row['start'], row['end'], row['zone'])}",
    )
    return [Tile(metrics.kind(key).title, metrics.value(key, row["score"]), notes)]


def _timeline(report: PeriodReport) -> Html:
    if not report.metric and not report.estimate:
        text = "No window of this period has a metric: labels are missing, or nothing is measured."
        return section("Performance over time", paragraph(text, "muted"))
    title = report.metrics.kind(report.metric_key).title
    drawn = metric_timeline(
        report.metric,
        report.estimate,
        report.events,
        report.whole,
        label=f"{title} by window with what is expected, its limit, and events",
        write=lambda value: report.metrics.value(report.metric_key, value),
    )
    note = (
        f"{title} by window, coloured by state, with a band of 95 %. Dashed: expected from the "
        "reference (grey) and the limit (red). Dotted: estimated without labels."
    )
    return section("Performance over time", drawn, note=note)


def _status_map(report: PeriodReport) -> Html:
    if not report.columns:
        text = "No column could be evaluated."
        return section("Columns over time", paragraph(text, "muted"))
    columns = [(name, own[-MAX_MAPPED:]) for name, own in report.columns[:MAX_COLUMNS]]
    spans = [Span(row["start"], row["end"]) for row in report.busiest[-MAX_MAPPED:]]
    note = "The worse of drift and data quality of each column by window; at the right, breaches."
    if len(report.columns) > MAX_COLUMNS:
        note += f" The {MAX_COLUMNS} of {len(report.columns)} columns with most breaches."
    if len(report.busiest) > MAX_MAPPED:
        note += f" The last {MAX_MAPPED} of {len(report.busiest)} windows."
    label = f"State of {plural(len(columns), 'column')} in {plural(len(spans), 'window')}"
    return section(
        "Columns over time", _legend(), status_map(columns, spans, label=label), note=note
    )


def _legend() -> Html:
    keys: list[str] = []
    for status, title in STATUS_TITLES.items():
        stroke = tag("path", d="M0 6h12", class_=f"c-{status}", stroke_width=12)
        keys.append(tag("svg", stroke, viewBox="0 0 12 12", class_="key", aria_hidden="true"))
        keys.append(f"{title}\u2002")
    return tag("p", *keys, class_="note")


def _alerts(report: PeriodReport) -> Html:
    if not report.alerts:
        return section("Alerts", paragraph("No alert fired.", "muted"))
    rows = [
        (
            rule_title(alert.name),
            badge(alert.severity),
            badge(alert.state),
            span_text(first.start, first.end, first.zone),
            span_text(last.start, last.end, last.zone),
            clip(alert.message, MAX_MESSAGE),
        )
        for alert, first, last in report.alerts[-MAX_ALERTS:]
    ]
    more = len(report.alerts) - MAX_ALERTS
    note = f"The last {MAX_ALERTS} of {len(report.alerts)}." if more > 0 else ""
    return section("Alerts", table(ALERTS, rows), note=note)


def _events(report: PeriodReport) -> Html:
    """Deployments, data versions, promotions, retrainings, and when alerts fired and cleared."""
    if not report.events:
        return section("Events", paragraph("Nothing happened upstream.", "muted"))
    lines = [
        join(
            event_mark(str(event["kind"])),
            tag(
                "span", f"{day(event['at'])} {EVENT_KINDS[str(event['kind'])][0]}:", class_="muted"
            ),
            f" {sentence_case(clip(str(event['text']), MAX_MESSAGE))}",
            f", by {event['by']}" if event["by"] else "",
        )
        for event in report.events[-MAX_EVENTS:]
    ]
    more = len(report.events) - MAX_EVENTS
    note = f"The last {MAX_EVENTS} of {len(report.events)}." if more > 0 else ""
    return section("Events", bullets(lines), note=note)


def _windows(report: PeriodReport) -> Html:
    scored = {row["window"]: row for row in report.metric}
    rows = report.windows[-MAX_WINDOWS:]
    more = len(report.windows) - MAX_WINDOWS
    note = f"The last {MAX_WINDOWS} of {len(report.windows)}." if more > 0 else ""
    title = report.metrics.kind(report.metric_key).title if report.metric_key else "Metric"
    columns = [
        TableColumn(title, number=True) if column.title == "Metric" else column
        for column in WINDOWS
    ]
    body = [_window_row(report, row, scored.get(row["id"], {})) for row in rows]
    return section("Windows", table(columns, body), note=note)


def _window_row(report: PeriodReport, row: Row, scored: Row) -> tuple[str, ...]:
    key, metrics = report.metric_key, report.metrics
    return (
        span_text(row["start"], row["end"], row["zone"]),
        f"{row['model']}@{row['version']}" if row["model"] else str(row["version"]),
        badge(str(row["status"])),
        badge(str(row["drift_status"])),
        metrics.value(key, scored["score"]) if scored else DASH,
        metrics.value(key, scored["reference"]) if scored else DASH,
        f"{row['drifted']} of {row['columns']}",
        f"{row['rows']:,}",
        share(row["coverage"]),
    )
