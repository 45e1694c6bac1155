"""The API of monitoring, for screens, commands and notebooks."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pilothouse.deployments.log_rules.deletions import deleted_before
from pilothouse.experiments.metrics.kinds import metric_texts
from pilothouse.jobs import Progress
from pilothouse.kit.notebook_html import card, small_table
from pilothouse.monitoring import (
    alert_rules,
    alerts,
    baselines,
    explain,
    frames,
    grafana,
    monitors,
    prometheus,
    report_requests,
    timeline,
    window_frames,
    window_selection,
    window_store,
)
from pilothouse.monitoring.alert_rules import AlertRuleSpec, RuleInfo
from pilothouse.monitoring.custom_checks import registry
from pilothouse.monitoring.custom_checks.spec import CustomCheckInfo, CustomCheckSpec
from pilothouse.monitoring.deleted_rows import lacks_rows
from pilothouse.monitoring.evidently_workspace.workspaces import EvidentlyWorkspaces
from pilothouse.monitoring.explanation import Explanation
from pilothouse.monitoring.masked_values import MaskedValues, masked_values, read_profile
from pilothouse.monitoring.monitor_config import MonitorInfo
from pilothouse.monitoring.notifications import outbox
from pilothouse.monitoring.skew.skew_api import SkewReports
from pilothouse.monitoring.window_selection import ALL, WindowSelection
from pilothouse.monitoring.windows import Span

if TYPE_CHECKING:
    import pandas as pd
    from sqlmodel import Session

    from pilothouse.monitoring.checks import Check
    from pilothouse.monitoring.history_replay import HistoryReplay


@dataclass(frozen=True)
class WindowInfo:
    """A window as last evaluated.

    `metric` is the key of the metric that decides ("" where nothing is measured), `value` its
    value. The summaries are what labels and answers were like, as numbers by title. `zone` is the
    time zone of its calendar, None for UTC. Of one with `rows_deleted` retention has deleted rows,
    so that it stays as it was judged.
    """

    id: str
    deployment: str
    start: datetime
    end: datetime
    model: str
    version: int
    rows: int
    labelled: int
    coverage: float | None
    status: str
    drift_status: str
    performance_status: str
    columns: int
    drifted: int
    drifted_share: float | None
    metric: str
    value: float | None
    metrics: Mapping[str, float]
    label_summary: Mapping[str, float]
    output_summary: Mapping[str, float]
    revision: int
    evaluated_at: datetime
    zone: str | None
    rows_deleted: bool = False

    @property
    def version_ref(self) -> str:
        """The model version: model@version; empty when it is not registered."""
        return f"{self.model}@{self.version}" if self.model else ""

    def _repr_html_(self) -> str:
        """In a notebook: its facts and metrics."""
        facts = {
            "Deployment": self.deployment,
            "Version": self.version_ref,
            "Status": self.status,
            "Drift": self.drift_status,
            "Performance": self.performance_status,
            "Rows": self.rows,
            "With labels": self.labelled,
            "Drifted columns": f"{self.drifted} of {self.columns}",
            "Evaluated": self.evaluated_at,
        }
        heading = f"Window from {self.start:%Y-%m-%d %H:%M} to {self.end:%Y-%m-%d %H:%M} UTC"
        return card(heading, facts, small_table(("Metric", "Value"), metric_texts(self.metrics)))


@dataclass(frozen=True)
class AlertInfo:
    """The current state of an alert. `fired_at` is None when it has never fired."""

    id: str
    deployment: str
    name: str
    severity: str
    action: str
    state: str
    message: str
    score: float | None
    limit: float | None
    breaches: int
    first_window: str
    last_window: str
    fired_window: str | None
    opened_at: datetime
    fired_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str
    resolved_at: datetime | None
    resolved_by: str
    rule_id: str


class Monitoring(EvidentlyWorkspaces, SkewReports):
    """Windows, drift, performance, alerts.

    What windows show of inputs with personal data is masked: see `revealing`.
    """

    def revealing(self, deployments: Collection[str]) -> Monitoring:
        """The same with true values of some deployments: record it with `deployments.reveal` first.

        Groups of rows and messages stay masked as they were stored.
        """
        return Monitoring(self._store, deployments)

    def _masked(self, session: Session, window: str) -> MaskedValues:
        row = window_store.require(session, window)
        return masked_values(session, self._store, row.deployment, self._revealed)

    def monitor(self, deployment: str, **settings: Any) -> MonitorInfo:
        """Begin to monitor a deployment with the default rules, or change the settings given.

        Settings are the fields of `MonitorConfig`. Raises NotFound, or Invalid.
        """
        with self._store.write() as session:
            return monitors.ensure_monitor(session, self._store, deployment, **settings)

    def monitor_info(self, deployment: str) -> MonitorInfo:
        """The settings by which a deployment is monitored. Raises NotFound when nobody does."""
        with self._store.read() as session:
            return monitors.monitor_info(session, deployment)

    def evaluate(self, deployment: str, start: datetime, end: datetime) -> str:
        """Evaluate one window now, with its rules, and return the window's id.

        A window that was removed is restored.

        Raises NotFound without the deployment or its monitor.
        """
        from pilothouse.monitoring.evaluate import evaluate_job

        quiet = Progress(self._store, None)
        start_ms, end_ms = Span(start, end).in_ms
        result = evaluate_job(self._store, quiet, deployment, start_ms, end_ms, restore=True)
        return str(result["window"])

    def replay(
        self,
        deployment: str,
        settings: Mapping[str, Any] | None = None,
        rules: Sequence[AlertRuleSpec | Mapping[str, Any]] = (),
    ) -> HistoryReplay:
        """Try settings and rules on the windows so far: statuses and alerts, beside real falls.

        `settings` are fields of `MonitorConfig`; `rules` name a rule with the fields that change,
        such as {"name": "drift", "for_windows": 3, "enabled": False}, or are one more rule. Stored
        results are judged anew, no row is read, and nothing is changed.

        Raises NotFound when nobody monitors it, or Invalid.
        """
        from pilothouse.monitoring import history_replay  # loads numpy

        with self._store.read() as session:
            return history_replay.replay(session, deployment, settings or {}, rules)

    def windows(
        self, deployment: str | None = None, selection: WindowSelection = ALL
    ) -> pd.DataFrame:
        """Windows, oldest first; columns as in `window_frames.WINDOWS`.

        A `selection` reads some of a long history: the newest, a page of them, or the worst of each
        day; without a deployment, of each.
        """
        with self._store.read() as session:
            return window_frames.windows(session, deployment, selection)

    def window_count(self, deployment: str) -> int:
        """How many windows a deployment has."""
        with self._store.read() as session:
            return window_selection.count(session, deployment)

    def window(self, window: str) -> WindowInfo:
        """One window. Raises NotFound."""
        with self._store.read() as session:
            info = WindowInfo(**window_frames.window_row(session, window))
            deleted = deleted_before(session, info.deployment)
        span = Span(info.start, info.end)
        return replace(info, rows_deleted=lacks_rows(span, deleted, is_judged=True))

    def remove_window(self, window: str, reason: str = "") -> None:
        """Remove a window that rests on wrong event times, for example.

        No list, trend or rule counts it any more, and it is not judged again unless it is evaluated
        by hand. Predictions and labels stay. Raises NotFound.
        """
        with self._store.write() as session:
            row = window_store.require(session, window)
            window_store.remove(session, self._store, row, reason)
            alerts.reevaluate_without_window(session, self._store, row)
            outbox.queue(session, self._store, row.deployment)

    def results(self, window: str) -> pd.DataFrame:
        """Every result of a window's newest revision; columns as in `frames.RESULTS`."""
        with self._store.read() as session:
            return self._masked(session, window).results(frames.results(session, window))

    def trend(
        self,
        deployment: str,
        check: str,
        column: str | None = None,
        *,
        signal: str | None = None,
        selection: WindowSelection = ALL,
    ) -> pd.DataFrame:
        """One check over the windows, oldest first; columns as in `window_frames.TREND`.

        The check "primary" is the metric that decided on each window. A `selection` reads some of
        the windows.
        """
        with self._store.read() as session:
            return window_frames.trend(session, deployment, check, column, signal, selection)

    def timeline(self, deployment: str) -> pd.DataFrame:
        """Events over a deployment's windows, oldest first; columns as in `timeline.TIMELINE`.

        Deployments, data versions, promotions, retrainings, and when alerts fired and cleared.
        """
        with self._store.read() as session:
            return timeline.timeline(session, deployment)

    def drift_ranking(self, window: str) -> pd.DataFrame:
        """Features by harm, the share of rows that changed times the importance of the column.

        Columns as in `ranking.RANKING`. Raises NotFound.
        """
        with self._store.read() as session:
            row = window_store.require(session, window)
            importance = baselines.importance(self._store, session, row.model, row.version)
            ranking = frames.drift_ranking(session, self._store.artifacts, window, importance)
            return self._masked(session, window).results(ranking)

    def distributions(self, window: str, column: str, *, signal: str | None = None) -> pd.DataFrame:
        """A column in the reference and in the window; columns as in `frames.BINS`.

        Of a feature and an output of one name it is the feature, unless `signal` is
        "prediction_drift". Raises NotFound for an unknown column.
        """
        with self._store.read() as session:
            row = window_store.require(session, window)
            profile = read_profile(session, self._store, row, self._revealed)
        return frames.distributions(profile["columns"], column, signal)

    def documents(self, window: str) -> frames.WindowDocuments:
        """What the performance of a window is drawn from, beside the reference's.

        Raises NotFound.
        """
        with self._store.read() as session:
            return frames.documents(session, self._store.artifacts, window)

    def metrics(self, deployment: str) -> pd.DataFrame:
        """The metrics that a deployment's windows are held to; columns as in `frames.METRICS`.

        They are those of the task of the version that serves. Raises NotFound when nobody
        monitors it.
        """
        with self._store.read() as session:
            return frames.metrics(monitors.monitored(session, deployment))

    def rules(self, deployment: str | None = None) -> pd.DataFrame:
        """Alert rules; columns as in `frames.RULES`."""
        with self._store.read() as session:
            return frames.rules(session, deployment)

    def add_rule(self, deployment: str, rule: AlertRuleSpec) -> str:
        """Watch a deployment by one more rule and return its id.

        Raises NotFound when nobody monitors it, Invalid for a bad rule, Conflict for a taken name.
        """
        with self._store.write() as session:
            monitors.require(session, deployment)
            return alert_rules.add_rule(session, self._store, deployment, rule)

    def change_rule(self, rule: str, reason: str = "", **changes: Any) -> RuleInfo:
        """Change fields of a rule; it holds from the next window on. Raises NotFound, Invalid."""
        with self._store.write() as session:
            return alert_rules.change_rule(session, self._store, rule, changes, reason)

    def pause_rule(self, rule: str, reason: str = "") -> None:
        """Pause a rule; its open alert is resolved. Raises NotFound."""
        with self._store.write() as session:
            row = alert_rules.switch(session, self._store, rule, enabled=False, reason=reason)
            alerts.resolve_for_rule(session, self._store, row, reason or "the rule was paused")
            outbox.queue(session, self._store, row.deployment)

    def resume_rule(self, rule: str, reason: str = "") -> None:
        """Resume a paused rule, from the next window on. Raises NotFound."""
        with self._store.write() as session:
            alert_rules.switch(session, self._store, rule, enabled=True, reason=reason)

    def checks(self, deployment: str) -> pd.DataFrame:
        """Custom checks of a deployment, by name; columns as in `custom_checks.registry.CHECKS`.

        Raises NotFound when nobody monitors it.
        """
        with self._store.read() as session:
            monitors.require(session, deployment)
            return registry.frame(session, deployment)

    def check(self, deployment: str, name: str) -> CustomCheckInfo:
        """A custom check with its code. Raises NotFound."""
        with self._store.read() as session:
            row = registry.require(session, deployment, name)
            return registry.info(self._store.artifacts, row)

    def save_check(
        self, deployment: str, check: CustomCheckSpec, reason: str = ""
    ) -> CustomCheckInfo:
        """Run a check of your own on windows from now on, in place of the one of its name.

        Raises NotFound when nobody monitors the deployment, Invalid, or Conflict for too many.
        """
        with self._store.write() as session:
            monitors.require(session, deployment)
            return registry.save(session, self._store, deployment, check, reason)

    def try_check(self, deployment: str, check: CustomCheckSpec) -> Check:
        """What a custom check gives on the newest window; nothing is stored.

        Raises NotFound without a monitor or a window, Invalid for a check that cannot be used.
        """
        from pilothouse.monitoring.custom_checks import evaluation  # loads numpy

        return evaluation.try_check(self._store, deployment, check)

    def remove_check(self, deployment: str, name: str, reason: str = "") -> None:
        """Remove a custom check; its results are kept. Raises NotFound."""
        with self._store.write() as session:
            registry.remove(session, self._store, deployment, name, reason)

    def prometheus_rules(self, deployment: str | None = None) -> str:
        """The enabled alert rules as a rule file for Prometheus, in YAML.

        They ask for the metrics of `GET /metrics`. Raises NotFound when nobody monitors it.
        """
        with self._store.read() as session:
            return prometheus.rule_file(session, deployment)

    def grafana_dashboard(self, deployment: str | None = None) -> str:
        """A Grafana dashboard of all deployments, or of one, in JSON, over the same metrics.

        Raises NotFound when nobody monitors it.
        """
        with self._store.read() as session:
            return grafana.dashboard(session, deployment)

    def alerts(self, state: str | None = None, *, deployment: str | None = None) -> pd.DataFrame:
        """Alerts, newest first; columns as in `frames.ALERTS`.

        `state` is pending, firing, acknowledged, resolved, or never_fired: those that ended while
        they were pending, which come for this only.
        """
        with self._store.read() as session:
            return frames.alerts(session, state, deployment)

    def alert(self, alert: str) -> AlertInfo:
        """One alert. Raises NotFound."""
        with self._store.read() as session:
            row = alerts.require(session, alert)
            return AlertInfo(**{name: getattr(row, name) for name in frames.ALERTS})

    def alert_events(self, alert: str) -> pd.DataFrame:
        """The transitions of an alert, oldest first: at, before, after, by, window_id, note."""
        with self._store.read() as session:
            alerts.require(session, alert)
            return frames.events(session, alert)

    def explain(self, alert: str) -> Explanation:
        """Why an alert was raised, from the newest window that breaches its rule.

        What changed by harm, since when, whether it hurts, and the events before it. Raises
        NotFound when there is no such alert, or its window was removed.
        """
        with self._store.read() as session:
            return explain.explain_alert(session, self._store, alert, self._revealed)

    def explain_window(self, window: str) -> Explanation:
        """The same for one window. Raises NotFound."""
        with self._store.read() as session:
            return explain.explain_window(session, self._store, window, self._revealed)

    def acknowledge(self, alert: str, note: str = "") -> None:
        """Acknowledge a firing alert. Raises NotFound, or Conflict."""
        with self._store.write() as session:
            alerts.acknowledge(session, self._store, alert, note)

    def resolve(self, alert: str, note: str = "") -> None:
        """End an open alert by hand. Raises NotFound, or Conflict when it has ended."""
        with self._store.write() as session:
            alerts.resolve(session, self._store, alert, note)
            outbox.queue(session, self._store, alerts.require(session, alert).deployment)

    def request_report(self, window: str) -> str:
        """Ask for Evidently's report of a window and return the report's id. Raises NotFound."""
        with self._store.write() as session:
            return report_requests.request(session, self._store, window)

    def report(self, report: str) -> report_requests.ReportInfo:
        """The current state of a report. Raises NotFound."""
        with self._store.read() as session:
            return report_requests.info(session, report)

    def reports(self, window: str) -> list[report_requests.ReportInfo]:
        """The reports of a window, newest first."""
        with self._store.read() as session:
            return report_requests.reports_of_window(session, window)

    def report_html(self, report: str) -> bytes:
        """The page of a report. Raises NotFound, or Unavailable while there is none."""
        with self._store.read() as session:
            return report_requests.html(session, self._store, report)

    def window_page(self, window: str) -> bytes:
        """The page of a window as one HTML file that needs nothing else, below 300 kB.

        Its state, metrics, columns by harm with both distributions, breaches of data quality, and
        what it was compared with. Raises NotFound.
        """
        from pilothouse.monitoring.report_pages.window_page import window_page

        with self._store.read() as session:
            return window_page(session, self._store, window)

    def period_page(self, deployment: str, start: datetime, end: datetime) -> bytes:
        """The page of the windows that begin from `start` up to, and without, `end`, as HTML.

        The primary metric over time, the state of every column by window, alerts, events before
        them. Raises NotFound without a monitor or such a window, Invalid for an empty period.
        """
        from pilothouse.monitoring.report_pages.period_page import period_page

        with self._store.read() as session:
            return period_page(session, self._store, deployment, start, end)
