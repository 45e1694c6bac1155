"""The page of one window, from what is stored of it: no row of data is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from pilothouse.kit.pages.markup import Html, clip, join, tag
from pilothouse.kit.pages.page_layout import (
    TableColumn,
    Tile,
    bullets,
    named_values,
    paragraph,
    section,
    table,
    tiles,
)
from pilothouse.monitoring import baselines, explain, frames, monitors, window_store
from pilothouse.monitoring.binning import format_number
from pilothouse.monitoring.check_titles import check_title, signal_title
from pilothouse.monitoring.checks import (
    CUSTOM,
    DATA_QUALITY,
    ERROR,
    ESTIMATED_PERFORMANCE,
    FAIL,
    FAIRNESS,
    FEATURE_DRIFT,
    OK,
    PERFORMANCE,
    PREDICTION_DRIFT,
    RECENT_PERFORMANCE,
    SEGMENTS,
    SERVICE,
    WARN,
)
from pilothouse.monitoring.column_changes import BeforeAfter, figures
from pilothouse.monitoring.evaluated_settings import SETTINGS, evaluated_config
from pilothouse.monitoring.explanation import Explanation
from pilothouse.monitoring.explanation_text import share_text
from pilothouse.monitoring.masked_values import masked_values, read_profile
from pilothouse.monitoring.monitor_config import MonitorInfo
from pilothouse.monitoring.plain_json import plain_rows
from pilothouse.monitoring.ranking import BREACHED
from pilothouse.monitoring.reference_text import reference_sentences
from pilothouse.monitoring.report_pages.page_layout import badge, document
from pilothouse.monitoring.report_pages.signal_sections import groups_section, service_section
from pilothouse.monitoring.report_pages.svg_bars import distribution_bars
from pilothouse.monitoring.report_pages.value_text import (
    DASH,
    MetricText,
    day,
    number,
    sentence_case,
    settings_text,
    share,
    when,
)
from pilothouse.monitoring.tables import Window
from pilothouse.monitoring.windows import scheme_text, span_text
from pilothouse.storage import Store

MAX_DISTRIBUTIONS = 10
MAX_OUTPUTS = 2
MAX_EVENTS = 8
MAX_BREACHES = 100
MAX_NAME, MAX_MESSAGE = 80, 240  # characters of a column's name, and of a message
WORST_FIRST = (FAIL, ERROR, WARN)
RANKING = (
    TableColumn("Column"),
    TableColumn("State"),
    TableColumn("Changed", number=True),
    TableColumn("Importance", number=True),
    TableColumn("Harm", number=True),
    TableColumn("Check"),
    TableColumn("Score", number=True),
    TableColumn("Limit", number=True),
    TableColumn("Chance", number=True),
)
METRICS = (
    TableColumn("Metric"),
    TableColumn("State"),
    TableColumn("This window", number=True),
    TableColumn("Estimated", number=True),
    TableColumn("Reference", number=True),
    TableColumn("Limit", number=True),
    TableColumn("Chance", number=True),
    TableColumn("Note"),
)

Row = Mapping[str, Any]


@dataclass(frozen=True)
class WindowReport:
    """All that the page of a window says, read in one transaction."""

    window: Window
    explanation: Explanation
    results: list[dict[str, Any]]
    ranking: list[dict[str, Any]]
    profile: Mapping[str, Any]
    monitor: MonitorInfo
    metrics: MetricText

    def of_signal(self, signal: str) -> list[dict[str, Any]]:
        """The results of one signal, in their order."""
        return [row for row in self.results if row["signal"] == signal]


def window_page(session: Session, store: Store, window_id: str) -> bytes:
    """The page of a window as one HTML file. Raises NotFound."""
    report = read_window(session, store, window_id)
    window, explanation = report.window, report.explanation
    span = span_text(window.start, window.end, window.zone)
    return document(
        store,
        f"{window.deployment}, {span}",
        join(tag("h1", f"{window.deployment}, {span}"), badge(window.status)),
        _versions(report),
        tag("p", tag("b", explanation.sentences[0]), " ", explanation.sentences[1], class_="lead"),
        _tiles(report),
        _window_quality(report),
        _ranking(report),
        _distributions(report),
        _column_quality(report),
        _performance(report),
        groups_section("Segments", report.of_signal(SEGMENTS)),
        groups_section("Fairness", report.of_signal(FAIRNESS)),
        service_section(report.of_signal(SERVICE)),
        _events(explanation),
        _reference(report),
        about=f"Window {window.id}, revision {window.revision}, "
        f"evaluated on {when(window.evaluated_at)}.",
    )


def read_window(session: Session, store: Store, window_id: str) -> WindowReport:
    """Read what a window's page says. Raises NotFound."""
    window = window_store.require(session, window_id)
    masked = masked_values(session, store, window.deployment)
    results = masked.results(frames.results(session, window_id))
    importance = baselines.importance(store, session, window.model, window.version)
    return WindowReport(
        window=window,
        explanation=explain.explain_window(session, store, window_id),
        results=plain_rows(results),
        ranking=plain_rows(
            masked.results(frames.drift_ranking(session, store.artifacts, window_id, importance))
        ),
        profile=read_profile(session, store, window),
        monitor=monitors.monitor_info(session, window.deployment),
        metrics=MetricText(monitors.monitored(session, window.deployment)),
    )


def _versions(report: WindowReport) -> Html:
    window = report.window
    version = f"{window.model}@{window.version}" if window.model else f"version {window.version}"
    return tag(
        "p",
        f"Model version {version} · ",
        "Drift and data quality ",
        badge(window.drift_status),
        " · Performance ",
        badge(window.performance_status),
        class_="muted",
    )


def _tiles(report: WindowReport) -> Html:
    window = report.window
    covered = share(window.labelled / window.rows) if window.rows else DASH
    drifted = f"{window.drifted} of {window.columns}"
    items = [
        Tile("Predictions", f"{window.rows:,}", ("in this window",)),
        Tile("Labelled", f"{window.labelled:,}", (f"{covered} of the predictions",)),
        *_metric_tiles(report),
        Tile("Drifted columns", drifted, ("over their limit",)),
    ]
    return tiles(items)


def _metric_tiles(report: WindowReport) -> list[Tile]:
    """The primary metric, observed, of recent windows, and estimated, beside the reference."""
    made = []
    titles = {
        PERFORMANCE: "{}",
        RECENT_PERFORMANCE: "{}, recent windows",
        ESTIMATED_PERFORMANCE: "{}, estimated",
    }
    for signal, title in titles.items():
        for row in report.of_signal(signal):
            if not row["primary"]:
                continue
            key, score = str(row["check"]), row["score"]
            interval = report.metrics.interval(key, score, row["standard_error"])
            reference = f"reference {report.metrics.value(key, row['reference'])}"
            name = title.format(report.metrics.kind(key).title)
            made.append(Tile(name, report.metrics.value(key, score), (interval, reference)))
    return made


def _window_quality(report: WindowReport) -> Html:
    rows = [row for row in _breaches(report) if not row["column"]]
    if not rows:
        return Html()
    return section("Data of the window", bullets(map(_quality_line, rows)))


def _column_quality(report: WindowReport) -> Html:
    rows = [row for row in _breaches(report) if row["column"]]
    judged = sum(row["status"] == OK for row in report.of_signal(DATA_QUALITY) if row["column"])
    if not rows:
        text = f"No breach; {judged:,} checks of columns are ok." if judged else "Nothing judged."
        return section("Data quality of the columns", paragraph(text, "muted"))
    more = len(rows) - MAX_BREACHES
    note = f"{len(rows)} breaches; {judged:,} checks of columns are ok."
    lines = [_quality_line(row) for row in rows[:MAX_BREACHES]]
    rest = paragraph(f"{more} more breaches are not listed.", "note") if more > 0 else Html()
    return section("Data quality of the columns", bullets(lines), rest, note=note)


def _breaches(report: WindowReport) -> list[dict[str, Any]]:
    """Checks of data quality that breach, the failing ones first."""
    checks = [*report.of_signal(DATA_QUALITY), *report.of_signal(CUSTOM)]
    rows = [row for row in checks if row["status"] in BREACHED]
    return sorted(rows, key=lambda row: WORST_FIRST.index(row["status"]))


def _quality_line(row: Row) -> Html:
    """A breach in words: its status, column and check, what it is about, and the limit."""
    status, column = str(row["status"]), str(row["column"])
    subject = f"{clip(column, MAX_NAME)} · " if column else ""
    message = clip(str(row["message"]), MAX_MESSAGE)
    limit = number(row["threshold" if status == FAIL else "warn"], 2)
    figures_note = f" (score {number(row['score'])}, limit {limit})" if status != ERROR else ""
    check = signal_title(str(row["signal"]), str(row["check"]))
    return join(
        badge(status), " ", tag("b", f"{subject}{check}:"), f" {message}",
        tag("span", figures_note, class_="muted"),
    )  # fmt: skip


def _ranking(report: WindowReport) -> Html:
    if not report.ranking:
        text = "No column could be evaluated: the window has too few rows, or none."
        return section("Columns by harm", paragraph(text, "muted"))
    note = (
        "Changed: the share of rows that would have to move to be like the reference. Importance: "
        "loss of the primary metric when the column is shuffled. Harm: their product. A score "
        "breaches beyond its limit and beyond what chance alone gives."
    )
    rows = table(RANKING, map(_ranking_row, report.ranking))
    return section("Columns by harm", rows, bullets(_of_all_columns(report)), note=note)


def _of_all_columns(report: WindowReport) -> list[Html]:
    """The checks of all columns together: the share of drifted ones, and others there are."""
    return [
        join(
            badge(str(row["status"])),
            tag("b", f" {check_title(str(row['check']))}:"),
            f" {number(row['score'])}, limit {number(row['threshold'], 2)}",
            "" if row["noise"] is None else f", chance {number(row['noise'])}",
            tag("span", f" {row['message']}", class_="muted"),
        )
        for row in report.of_signal(FEATURE_DRIFT)
        if not row["column"]
    ]


def _ranking_row(row: Row) -> tuple[str, ...]:
    return (
        clip(str(row["column"]), MAX_NAME),
        badge(str(row["status"])),
        share(row["changed_share"]),
        number(row["importance"], 4),
        number(row["harm"], 4),
        check_title(str(row["check"])),
        number(row["score"]),
        number(row["threshold"], 2),
        number(row["noise"]),
    )


def _distributions(report: WindowReport) -> Html:
    """Both distributions of the first columns of the ranking, and of the outputs that decide."""
    outputs = [row for row in report.of_signal(PREDICTION_DRIFT) if row["primary"]]
    columns = [
        *((FEATURE_DRIFT, row) for row in report.ranking[:MAX_DISTRIBUTIONS]),
        *((PREDICTION_DRIFT, row) for row in outputs[:MAX_OUTPUTS]),
    ]
    drawn = [_distribution(report, signal, row) for signal, row in columns]
    legend = tag(
        "p",
        tag("span", class_="swatch before"),
        "reference ",
        tag("span", class_="swatch after"),
        "this window · share of rows that have a value",
        class_="note",
    )
    charts = tag("div", *(chart for chart in drawn if chart), class_="charts")
    count = min(len(report.ranking), MAX_DISTRIBUTIONS)
    title = f"Distributions of the first {count} columns and of the outputs"
    return section(title, legend, charts) if any(drawn) else Html()


def _distribution(report: WindowReport, signal: str, row: Row) -> Html:
    """A column with its chart; empty where no distribution was stored, as of an unreadable one."""
    column = str(row["column"])
    profile = report.profile["columns"].get(f"{signal}/{column}")
    if profile is None or not profile["labels"]:
        return Html()
    name = clip(column, MAX_NAME)
    title = f"{name} (output)" if signal == PREDICTION_DRIFT else name
    changes = " · ".join(_change(change) for change in figures(profile))
    return tag(
        "figure",
        join(tag("h3", title, " ", badge(str(row["status"])))),
        tag("figcaption", changes or "unchanged"),
        distribution_bars(profile, name),
    )


def _change(change: BeforeAfter) -> str:
    """One figure before and after: "Missing: 0 % → 33 %"."""
    write = share_text if change.unit == "share" else format_number
    return f"{clip(change.title, MAX_NAME)}: {write(change.before)} → {write(change.after)}"


def _performance(report: WindowReport) -> Html:
    observed = {str(row["check"]): row for row in report.of_signal(PERFORMANCE)}
    estimated = {str(row["check"]): row for row in report.of_signal(ESTIMATED_PERFORMANCE)}
    if not observed and not estimated:
        text = "Answers of this model are not compared with labels."
        return section("Performance", paragraph(text, "muted"))
    rows = [
        _metric_row(report.metrics, key, observed.get(key), estimated.get(key))
        for key in {**observed, **estimated}
    ]
    note = (
        "Of the labelled rows, with standard errors. Estimated: of all rows without their labels, "
        "as expected if only the inputs changed. Chance: beyond it a metric is worse than chance "
        "explains."
    )
    return section("Performance", table(METRICS, rows), note=note)


def _metric_row(
    metrics: MetricText, key: str, observed: Row | None, estimated: Row | None
) -> tuple[str, ...]:
    first = observed or estimated or {}
    return (
        check_title(key),
        badge(str(first["status"])),
        _with_error(metrics, key, observed),
        _with_error(metrics, key, estimated),
        metrics.value(key, first["reference"]),
        metrics.value(key, first["threshold"]),
        metrics.value(key, first["noise"]),
        clip(_note(observed, estimated), MAX_MESSAGE),
    )


def _with_error(metrics: MetricText, key: str, row: Row | None) -> str:
    return DASH if row is None else metrics.with_error(key, row["score"], row["standard_error"])


def _note(observed: Row | None, estimated: Row | None) -> str:
    """The messages of both results."""
    own = str(observed["message"]) if observed else ""
    other = str(estimated["message"]) if estimated else ""
    return "; ".join(filter(None, (own, f"estimate: {other}" if other else "")))


def _events(explanation: Explanation) -> Html:
    """What happened shortly before the change."""
    lines = [
        join(tag("span", day(event.at), class_="muted"), f" {sentence_case(event.text)}",
             f", by {event.by}" if event.by else "")
        for event in explanation.events[:MAX_EVENTS]
    ]  # fmt: skip
    note = f"Up to two windows before {day(explanation.since)}."
    none = paragraph("No deployment, data version, promotion or retraining.", "muted")
    return section("What came before", bullets(lines) if lines else none, note=note)


def _reference(report: WindowReport) -> Html:
    """What the window was compared with, and the monitor's settings."""
    about = report.profile.get("reference", {})
    text = reference_sentences(
        about.get("origin", "held_out"),
        about.get("rows"),
        about.get("labels_from", ""),
        about.get("waiting", ""),
    )
    if inputs := about.get("inputs_from", ""):
        text += f" Inputs are compared with {inputs} ({about['inputs_rows']:,} rows)."
    monitor = report.monitor
    config = evaluated_config(report.profile, monitor.config)
    changed = monitor.updated_at > report.window.evaluated_at
    if SETTINGS in report.profile:
        note = "Settings that this window was evaluated by"
        note += f"; the monitor was changed on {when(monitor.updated_at)}." if changed else "."
    else:
        note = "Settings of the monitor" + (
            f" as changed on {when(monitor.updated_at)}, after this window was evaluated. The "
            "limits above are those it was evaluated by."
            if changed
            else "."
        )
    pairs = {
        "Windows": scheme_text(config.scheme),
        "Drift tests that decide": settings_text(config.primary),
        "Fewest rows": f"{config.min_rows:,}",
        "Fewest labelled rows": f"{config.min_labelled:,}",
        "Least share of labelled rows": share(config.min_coverage, 0),
        "Drifted columns": f"more than {share(config.drifted_share, 0)} fail",
        "All columns together": "tested"
        if config.domain_classifier or config.pca_reconstruction
        else "not tested",
        "Columns over a limit by chance": f"at most {share(config.false_discovery_rate)}",
        "Limits of its own": settings_text(config.limits),
        "Tolerances of its own": settings_text(config.tolerances),
    }
    return section(
        "Reference and settings", paragraph(text), paragraph(note, "note"), named_values(pairs)
    )
