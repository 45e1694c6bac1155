"""The custom checks of a deployment on the rows of a window, and a check that is tried."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlmodel import Session, col, select

from pilothouse.kit.errors import NotFound
from pilothouse.monitoring import baselines, monitors, window_data
from pilothouse.monitoring.baselines import Baseline
from pilothouse.monitoring.checks import Check
from pilothouse.monitoring.custom_checks import registry
from pilothouse.monitoring.custom_checks.check_rows import table_of
from pilothouse.monitoring.custom_checks.running import run_checks
from pilothouse.monitoring.custom_checks.spec import CustomCheckSpec
from pilothouse.monitoring.deleted_rows import refuse_deleted_rows
from pilothouse.monitoring.monitor_config import MonitorConfig
from pilothouse.monitoring.reference_profile import monitored_inputs
from pilothouse.monitoring.tables import Window, span_of
from pilothouse.monitoring.window_rows import WindowRows
from pilothouse.storage import Store

if TYPE_CHECKING:
    import pandas as pd

Answered = tuple[str, str, int]


def specs_of(store: Store, deployment: str) -> list[CustomCheckSpec]:
    """The checks of a deployment, with their code."""
    with store.read() as session:
        rows = registry.of_deployment(session, deployment)
        return [registry.info(store.artifacts, row).spec for row in rows]


def custom_checks(
    store: Store,
    answered: Answered,
    specs: Sequence[CustomCheckSpec],
    baseline: Baseline,
    rows: WindowRows,
    config: MonitorConfig,
) -> list[Check]:
    """The results of the checks on a window of a deployment's version; none without checks."""
    if not specs:
        return []
    names = [field.name for field in monitored_inputs(baseline.signature)]
    window = table_of(rows, names)
    return run_checks(specs, window, _reference(store, answered, baseline, config, window, names))


def _reference(
    store: Store,
    answered: Answered,
    baseline: Baseline,
    config: MonitorConfig,
    window: pd.DataFrame,
    names: Sequence[str],
) -> pd.DataFrame:
    """The rows of the reference; none, but the columns of the window, while it is waiting."""
    if baseline.profile.waiting:
        return window.head(0)
    rows = baselines.reference_rows(store, *answered, config.reference_rows)
    return table_of(rows, names)


def try_check(store: Store, deployment: str, spec: CustomCheckSpec) -> Check:
    """A check's result on the newest window with predictions; nothing is stored.

    Raises NotFound without a monitor or such a window, Invalid for a check that cannot be used,
    Conflict when retention has deleted rows of that window.
    """
    spec.check()
    with store.read() as session:
        config = monitors.monitor_info(session, deployment).config
        window = _newest(session, deployment)
        span, model, version = span_of(window), window.model, window.version
        refuse_deleted_rows(session, deployment, span)
    frame = window_data.observe(store, deployment, span)
    own = frame[(frame["model"] == model) & (frame["version"] == version)]
    baseline = baselines.baseline(store, deployment, model, version, config.reference_rows)
    names = [field.name for field in monitored_inputs(baseline.signature)]
    rows = window_data.rows_of(own, baseline.signature, names)
    return custom_checks(store, (deployment, model, version), [spec], baseline, rows, config)[0]


def _newest(session: Session, deployment: str) -> Window:
    query = (
        select(Window)
        .where(Window.deployment == deployment, col(Window.removed_at).is_(None), Window.rows > 0)
        .order_by(col(Window.start).desc(), col(Window.rows).desc())
    )
    window = session.exec(query).first()
    if window is None:
        hint = "Evaluate a window first."
        raise NotFound(f"{deployment!r} has no window to try it on.", hint=hint)
    return window
