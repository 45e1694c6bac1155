"""Files about operation: datasets, deployments, windows, alerts, retrainings and reviews."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from sqlmodel import Session, col, select

from pilothouse.activity.tables import ActivityEntry
from pilothouse.data.datasheets.datasheet_api import read_datasheet
from pilothouse.deployments.tables import Deployment, Revision
from pilothouse.governance.packs.pack_archive import PackArchive
from pilothouse.governance.packs.pack_decisions import columns, stored
from pilothouse.governance.packs.pack_scope import PackScope
from pilothouse.kit.errors import PilothouseError
from pilothouse.monitoring.tables import (
    Alert,
    AlertEvent,
    AlertRule,
    CheckResult,
    Monitor,
    Window,
    of_newest_revision,
)
from pilothouse.pipelines.tables import RetrainingDecision
from pilothouse.registry.tables import ModelVersion
from pilothouse.storage import Store

FIGURES = (
    "window_id", "deployment", "model", "version", "start", "end", "signal", "check", "column",
    "method", "status", "score", "warn", "threshold", "reference", "n_current",
)  # fmt: skip


def write_datasets(
    session: Session, store: Store, pack: PackArchive, rows: Sequence[ModelVersion]
) -> list[str]:
    """The datasheet of every dataset version that a version was trained on; their refs."""
    written = []
    for ref in sorted({row.dataset for row in rows if row.dataset}):
        try:
            sheet = read_datasheet(session, store, ref)
        except PilothouseError:
            continue  # it was deleted: the versions name it still
        pack.add(f"datasets/{ref}/datasheet.html", sheet.html(), f"the datasheet of {ref}")
        pack.add_json(f"datasets/{ref}/datasheet.json", sheet.to_json(), f"the datasheet of {ref}")
        written.append(ref)
    return written


def deployments_of(session: Session, scope: PackScope) -> list[str]:
    """The deployments that served a version of the scope, at any time."""
    query = select(Revision.deployment).where(*scope.of_versions(Revision)).distinct()
    names = set(session.exec(query))
    if not scope.model:
        names |= set(session.exec(select(Deployment.name)))
    return sorted(names)


def write_operation(session: Session, pack: PackArchive, scope: PackScope) -> dict[str, int]:
    """What served, what was watched, and what came of it; how many rows of each."""
    names = deployments_of(session, scope)
    counts = {"revisions": _revisions(session, pack, scope)}
    monitors = list(
        stored(session, Monitor, col(Monitor.deployment).in_(names), order=Monitor.deployment)
    )
    rules = list(
        stored(session, AlertRule, col(AlertRule.deployment).in_(names), order=AlertRule.id)
    )
    about = "how the deployments are watched now, and their alert rules"
    pack.add_json("monitors.json", {"monitors": monitors, "rules": rules}, about)
    of_windows = [
        *scope.of_versions(Window), *scope.within(Window.evaluated_at),
        col(Window.removed_at).is_(None),
    ]  # fmt: skip
    windows = stored(session, Window, *of_windows, order=Window.start)
    counts["windows"] = pack.add_csv(
        "windows.csv", columns(Window), windows, "windows of predictions, as last judged"
    )
    counts["results"] = pack.add_csv(
        "window_results.csv", FIGURES, _results(session, of_windows),
        "drift, performance and other results of these windows",
    )  # fmt: skip
    counts["alerts"] = _alerts(session, pack, scope, names)
    retrainings = stored(
        session, RetrainingDecision, col(RetrainingDecision.deployment).in_(names),
        *scope.within(RetrainingDecision.at), order=RetrainingDecision.at,
    )  # fmt: skip
    counts["retrainings"] = pack.add_csv(
        "retrainings.csv", columns(RetrainingDecision), retrainings, "what came of triggers"
    )
    return counts


def _revisions(session: Session, pack: PackArchive, scope: PackScope) -> int:
    chosen = [name for name in columns(Revision) if name not in ("signature", "example")]
    revisions = stored(
        session, Revision, *scope.of_versions(Revision), *scope.within(Revision.at),
        order=Revision.at,
    )  # fmt: skip
    return pack.add_csv("deployments.csv", chosen, revisions, "every change of a deployment")


def _results(session: Session, of_windows: Sequence[Any]) -> Iterator[dict[str, Any]]:
    """The results of the newest revision of each window, a part at a time."""
    query = (
        select(Window, CheckResult)
        .join(CheckResult, of_newest_revision())
        .where(*of_windows)
        .order_by(col(Window.start), col(CheckResult.id))
        .execution_options(yield_per=500)
    )
    for window, result in session.exec(query):
        yield {name: getattr(result if hasattr(result, name) else window, name) for name in FIGURES}


def _alerts(session: Session, pack: PackArchive, scope: PackScope, names: Collection[str]) -> int:
    of_alerts = [
        col(Alert.deployment).in_(names),
        *scope.within(Alert.opened_at, Alert.resolved_at),
    ]
    count = pack.add_csv(
        "alerts.csv", columns(Alert), stored(session, Alert, *of_alerts, order=Alert.opened_at),
        "alerts of these deployments",
    )  # fmt: skip
    ids = select(Alert.id).where(*of_alerts)
    events = stored(session, AlertEvent, col(AlertEvent.alert_id).in_(ids), order=AlertEvent.id)
    pack.add_csv("alert_events.csv", columns(AlertEvent), events, "what became of each alert")
    return count


def write_minutes(
    session: Session, store: Store, pack: PackArchive, scope: PackScope, decided: Sequence[Any]
) -> int:
    """The minutes of reviews, as they were kept: of a model, of those that decided on it.

    The audit log has the digest of each, which is that of the file.
    """
    query = select(ActivityEntry).where(
        col(ActivityEntry.kind) == "review", col(ActivityEntry.verb).in_(("started", "ended"))
    )
    started: dict[str, Any] = {}
    count = 0
    for entry in session.exec(query.order_by(col(ActivityEntry.seq))).all():
        if entry.verb == "started":
            started[entry.ref] = entry.at
            continue
        digest, begun = (entry.after or {}).get("minutes"), started.get(entry.ref, entry.at)
        is_of_scope = not scope.model or any(at and begun <= at <= entry.at for at in decided)
        is_in_span = (scope.since or begun) <= entry.at and (
            scope.until is None or begun < scope.until
        )
        if digest and is_of_scope and is_in_span and store.artifacts.exists(digest):
            about = f"minutes of the review {entry.name!r}; their SHA-256 is in the audit log"
            pack.add(f"reviews/{entry.ref}.md", store.artifacts.read(digest), about)
            count += 1
    return count
