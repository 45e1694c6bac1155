"""Evaluation of windows, in a child process: from the log to stored results and alerts."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlmodel import Session

from pilothouse.activity.actors import MONITOR
from pilothouse.deployments import commands, feature_rule_rows
from pilothouse.deployments.prediction_log import log
from pilothouse.jobs import Progress
from pilothouse.kit.clock import from_ms
from pilothouse.monitoring import (
    alerts,
    baselines,
    monitors,
    window_cuts,
    window_data,
    window_store,
)
from pilothouse.monitoring.alert_rules import RETRAIN
from pilothouse.monitoring.assessment import assess
from pilothouse.monitoring.checks import Check
from pilothouse.monitoring.chosen_inputs import ChosenInputs, chosen_inputs, with_inputs
from pilothouse.monitoring.custom_checks.evaluation import custom_checks, specs_of
from pilothouse.monitoring.custom_checks.spec import CustomCheckSpec
from pilothouse.monitoring.deleted_rows import refuse_deleted_rows
from pilothouse.monitoring.digest_text import differing, digest_text
from pilothouse.monitoring.domain_classifier import domain_check
from pilothouse.monitoring.evaluated_settings import SETTINGS, SOURCE, settings_json
from pilothouse.monitoring.group_signals import group_checks
from pilothouse.monitoring.logged_inputs import only_logged
from pilothouse.monitoring.masked_values import masked_values
from pilothouse.monitoring.metric_history import (
    JudgedMetric,
    deciding_metric,
    earlier_metrics,
    recent_of,
)
from pilothouse.monitoring.monitor_config import MonitorConfig
from pilothouse.monitoring.notifications import outbox
from pilothouse.monitoring.pca_reconstruction import reconstruction_check
from pilothouse.monitoring.performance import (
    MinimumRows,
    compute_performance,
    missing_labels,
)
from pilothouse.monitoring.recent_checks import is_measured
from pilothouse.monitoring.reference_profile import ReferenceProfile, monitored_inputs
from pilothouse.monitoring.skew.measurement import digest_of, skew_checks, window_skew
from pilothouse.monitoring.skew.skew_report import plain_values
from pilothouse.monitoring.stored_references import Answered
from pilothouse.monitoring.tables import Window
from pilothouse.monitoring.traffic import Traffic
from pilothouse.monitoring.traffic_history import read_traffic, sent_before
from pilothouse.monitoring.window_details import window_details
from pilothouse.monitoring.window_rows import WindowRows
from pilothouse.monitoring.window_store import EvaluatedWindow
from pilothouse.monitoring.windows import DEFAULT_ZONE, Span, span_of_ms, span_text
from pilothouse.storage import Store

if TYPE_CHECKING:
    import pandas as pd


def evaluate_job(
    store: Store,
    progress: Progress,
    deployment: str,
    start_ms: int,
    end_ms: int,
    restore: bool = False,
) -> dict[str, Any]:
    """Evaluate one window of a deployment and its alert rules. Idempotent.

    A window that was removed stays removed unless it is to be restored.

    The result describes the version that predicted most: window, status, rows, labelled, metrics,
    drifted, revision, and the alerts that this evaluation made fire; `retrain` are those of them
    whose rule asks for a retraining, and `windows` has one id per version.
    """
    span = span_of_ms(start_ms, end_ms)
    with store.read() as session:
        config = monitors.monitor_info(session, deployment).config
        serving = monitors.serving(session, deployment)
        span = window_cuts.of_scheme(session, deployment, config.scheme, span)
        refuse_deleted_rows(session, deployment, span)

    progress(0.1, f"reading {span_text(span.start, span.end, config.zone)}")
    began = store.now()
    frame = window_data.observe(store, deployment, span)
    groups = window_data.by_version(frame) if len(frame) else [(*serving, frame)]
    received_until = window_data.received_until(frame, began)
    # Traffic is the deployment's: the version that predicted most answers for it.
    traffic = read_traffic(store, deployment, config.scheme, span, frame)
    evaluated = [
        evaluate_window(
            store, deployment, span, config, *group, received_until, None if index else traffic
        )
        for index, group in enumerate(groups)
    ]
    progress(0.9, f"{len(frame):,} rows judged")

    with store.write() as session:
        windows = [_store(session, store, window, restore) for window in evaluated]
        outbox.queue(session, store, deployment)
        return _result(session, windows)


def evaluate_window(
    store: Store,
    deployment: str,
    span: Span,
    config: MonitorConfig,
    model: str,
    version: int,
    frame: pd.DataFrame,
    received_until: datetime | None = None,
    traffic: Traffic | None = None,
) -> EvaluatedWindow:
    """Evaluate one version's rows of a window; its profile is stored as an artifact."""
    baseline = baselines.baseline(store, deployment, model, version, config.reference_rows)
    signature = baseline.signature
    # All of them: a profile from before times were watched has none, chosen inputs have.
    names = [field.name for field in monitored_inputs(signature)]
    rows = window_data.rows_of(frame, signature, names)
    performance = compute_performance(
        signature, rows.outputs, rows.truth, rows.at, config.tolerances
    )
    needs = MinimumRows(config.min_labelled, config.min_coverage)
    if baseline.awaits_labels and not missing_labels(performance, needs):
        answered = Answered(deployment, model, version)
        baseline = baselines.adopt_performance(
            store, answered, baseline, performance, span, rows, config.zone
        )

    profile, digest = baseline.profile, baseline.digest
    chosen = chosen_inputs(store, deployment, signature, config, span)
    if chosen is not None:
        profile, digest = with_inputs(profile, chosen, signature), f"{digest} {chosen.digest}"
    if _is_external(store, deployment):
        before = sent_before(store, (deployment, model, version), span)
        profile = sent_columns(profile, frame, before)
        rows = with_columns(rows, profile)
    profile, rows = only_logged(store, deployment, profile, rows)
    served = (
        window_skew(store, deployment, model, version, frame, config.skew_key)
        if config.skew else None
    )  # fmt: skip
    if served is not None:
        digest = f"{digest} {digest_of(served)}"
    own_checks = specs_of(store, deployment)
    with store.read() as session:
        masked = masked_values(session, store, deployment)
    decides = _Inputs(frame, rows, digest, config, traffic, tuple(own_checks))
    content = _content(store, (deployment, model, version), span, decides)
    unexpected = window_data.unexpected_columns(frame, signature, _keys(store, deployment))
    assessment = assess(profile, rows, config, signature, performance, traffic, unexpected)

    of_version = store, (deployment, model, version)
    further = [
        *_columns_together(*of_version, rows, profile, config, chosen),
        *group_checks(*of_version, baseline, rows, performance, config, masked),
        *custom_checks(*of_version, own_checks, baseline, rows, config),
        *(skew_checks(served) if served is not None else []),
        *_recent(*of_version, span, len(frame), assessment.checks, config),
    ]
    assessment = replace(assessment, checks=masked.checks([*assessment.checks, *further]))
    details = window_details(store, deployment, model, version, baseline, config, rows, assessment)
    compared_with = {**assessment.profile["reference"], SOURCE: baseline.source}
    details |= {"reference": compared_with, SETTINGS: settings_json(config)}
    details |= {} if served is None else {"skew": plain_values(served)}
    assessment = replace(assessment, profile={**assessment.profile, **details})
    stored = store.artifacts.put_bytes(window_store.profile_bytes(assessment))
    zone = None if config.zone == DEFAULT_ZONE else config.zone
    return EvaluatedWindow(
        deployment, model, version, span, content, stored, assessment, received_until,
        reference=baseline.stored, zone=zone,
    )  # fmt: skip


@dataclass(frozen=True)
class _Inputs:
    """All that decides on a window's results; `reference` is the digest of what it is held against.

    What was sent before belongs to it: volume and silence are judged against earlier windows.
    """

    frame: pd.DataFrame
    rows: WindowRows
    reference: str
    config: MonitorConfig
    traffic: Traffic | None
    own_checks: tuple[CustomCheckSpec, ...]

    def digest(self) -> str:
        """Their digest, which a new setting does not change while it has its default."""
        settings = differing(self.config.judging, MonitorConfig().judging)
        texts = (settings, self.traffic, *self.own_checks)
        return window_data.content_digest(
            self.frame, self.rows, self.reference, *map(digest_text, texts)
        )

    def former_digest(self, names: Collection[str]) -> str:
        """The same as windows have it that were evaluated when defaults were written too.

        `names` are the settings that there were then.
        """
        judging = {name: value for name, value in self.config.judging.items() if name in names}
        settings = json.dumps(judging, sort_keys=True)
        texts = (settings, repr(self.traffic), *map(repr, self.own_checks))
        return window_data.content_digest(self.frame, self.rows, self.reference, *texts)


def _content(store: Store, answered: tuple[str, str, int], span: Span, inputs: _Inputs) -> str:
    """The digest of what decides on a window; the stored one where that says the same."""
    content = inputs.digest()
    with store.read() as session:
        stored = window_store.stored_content(session, answered, span)
    if stored is None or stored[0] == content:
        return content
    names = json.loads(store.artifacts.read(stored[1])).get(SETTINGS, ())
    is_same = stored[0] == inputs.former_digest(names)
    return stored[0] if is_same else content  # an upgrade alone is no new revision


def _columns_together(
    store: Store,
    answered: tuple[str, str, int],
    rows: WindowRows,
    profile: ReferenceProfile,
    config: MonitorConfig,
    chosen: ChosenInputs | None,
) -> list[Check]:
    """The tests of all columns together that a monitor wants, against the rows compared with."""
    checks = [
        *([domain_check] if config.domain_classifier else []),
        *([reconstruction_check] if config.pca_reconstruction else []),
    ]
    if not checks:
        return []
    compared = (
        baselines.reference_rows(store, *answered, config.reference_rows)
        if chosen is None
        else chosen.rows
    )
    return [check(compared, rows, profile, config) for check in checks]


def _recent(
    store: Store,
    answered: tuple[str, str, int],
    span: Span,
    rows: int,
    checks: Sequence[Check],
    config: MonitorConfig,
) -> list[Check]:
    """The deciding metric together with that of the windows before; none where none is measured."""
    metric = deciding_metric(checks)
    if metric is None or not is_measured(metric):
        return []
    deployment, model, version = answered
    window = JudgedMetric((model, version), span, rows, metric)
    with store.read() as session:
        earlier = earlier_metrics(session, deployment, window, config)
    return recent_of(window, earlier, config)


def sent_columns(
    profile: ReferenceProfile, frame: pd.DataFrame, before: frozenset[str] = frozenset()
) -> ReferenceProfile:
    """The profile without the inputs that a deployment elsewhere does not send: it need not.

    Those that it sent in the windows `before` stay, so that an input that disappears is found. A
    column without any value is not sent: in the journal others' rows may give it to these.
    """
    if frame.empty:
        return profile
    names = {*profile.columns, *profile.faults}
    sent = {name for name in names if name in before or _has_values(frame, name)}
    return replace(
        profile,
        columns={name: part for name, part in profile.columns.items() if name in sent},
        faults={name: fault for name, fault in profile.faults.items() if name in sent},
    )


def with_columns(rows: WindowRows, profile: ReferenceProfile) -> WindowRows:
    """The rows, in which inputs of the profile that they lack are missing."""
    lacking = [name for name in profile.columns if name not in rows.features]
    if not lacking or not len(rows):
        return rows
    return replace(rows, features=rows.features.assign(**dict.fromkeys(lacking)))


def _has_values(frame: pd.DataFrame, name: str) -> bool:
    column = log.feature_column(name)
    return column in frame and bool(frame[column].notna().any())


def _keys(store: Store, deployment: str) -> tuple[str, ...]:
    """The columns by which features of a deployment are looked up: they are logged too."""
    with store.read() as session:
        rule = feature_rule_rows.rule_of(session, deployment)
    return () if rule is None else tuple(rule.keys)


def _is_external(store: Store, deployment: str) -> bool:
    with store.read() as session:
        return bool(commands.require(session, deployment).external)


def due_job(
    store: Store, progress: Progress, deployment: str, until_ms: int | None = None
) -> list[list[int]]:
    """The windows that ended by an instant (default: now) and have anything new in them.

    New are windows never evaluated, and those with predictions or labels received since they were.
    The result is a list of [start_ms, end_ms], oldest first.
    """
    from pilothouse.monitoring import due_windows

    until = store.now() if until_ms is None else from_ms(until_ms)
    return [list(span.in_ms) for span in due_windows.due(store, deployment, until)]


def _store(session: Session, store: Store, evaluated: EvaluatedWindow, restore: bool) -> Window:
    existing = window_store.stored_window(session, evaluated)
    if existing is not None and existing.removed_at is not None and not restore:
        return existing
    window, is_new = window_store.store_window(session, store, evaluated)
    if is_new:
        alerts.evaluate_rules(session, store.acting_as(MONITOR), window)
    return window


def _result(session: Session, windows: list[Window]) -> dict[str, Any]:
    main = windows[0]
    fired = [alert for window in windows for alert in alerts.fired_by(session, window)]
    return {
        "window": main.id,
        "windows": [window.id for window in windows],
        "status": main.status,
        "rows": main.rows,
        "labelled": main.labelled,
        "drifted": main.drifted,
        "revision": main.revision,
        "metrics": dict(main.figures),
        "fired": [alert.id for alert in fired],
        "retrain": [alert.id for alert in fired if alert.action == RETRAIN],
    }
