"""The first requests of a version against the dataset that it was trained on.

By the checks that windows are judged by: drift tests, unseen values, types, shares of missing
values. A person sees at once whether serving sends what training had.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pilothouse.models.signature import Signature
from pilothouse.monitoring import served_rows
from pilothouse.monitoring.assessment import judged_columns
from pilothouse.monitoring.check_titles import check_title
from pilothouse.monitoring.checks import (
    DATA_QUALITY,
    FAIL,
    FEATURE_DRIFT,
    INSUFFICIENT,
    OK,
    WARN,
    Check,
    worst,
)
from pilothouse.monitoring.chosen_inputs import rows_of_dataset
from pilothouse.monitoring.column_values import read_numbers
from pilothouse.monitoring.monitor_config import MonitorConfig
from pilothouse.monitoring.reference_profile import monitored_inputs, profile_served
from pilothouse.monitoring.skew.skew_report import ColumnShift, FirstRequests
from pilothouse.monitoring.skew.unit_changes import unit_of_quantiles
from pilothouse.monitoring.window_rows import WindowRows
from pilothouse.storage import Store

if TYPE_CHECKING:
    import pandas as pd

MIN_ROWS = 50
BY_CHANCE = "within what chance gives: few of the rows are independent"


def first_requests(
    store: Store,
    answered: tuple[str, str, int],
    signature: Signature,
    dataset: str,
    config: MonitorConfig,
    hidden: frozenset[str],
) -> FirstRequests:
    """The first `reference_rows` requests of a version, column by column; or why there is none."""
    if not dataset:
        return FirstRequests(lack="its version has no training dataset that is registered here")
    training = rows_of_dataset(store, signature, dataset)
    if training.lack:
        return FirstRequests(dataset, training.lack)
    rows = served_rows.first_rows(store, *answered, signature, config.reference_rows)
    if len(rows) < MIN_ROWS:
        lack = f"{len(rows):,} rows were answered; {MIN_ROWS:,} are needed"
        return FirstRequests(dataset, lack, len(rows), len(training.rows))
    columns = compare_first(training.rows, rows, signature, config, hidden)
    return FirstRequests(dataset, "", len(rows), len(training.rows), columns)


def compare_first(
    training: WindowRows,
    served: WindowRows,
    signature: Signature,
    config: MonitorConfig,
    hidden: frozenset[str] = frozenset(),
) -> tuple[ColumnShift, ...]:
    """Each input of both sides: what differs beyond its limits, the worst first."""
    profile = profile_served(training, signature)
    checks = judged_columns(profile, served, config, signature).checks
    shifts = []
    for field in monitored_inputs(signature):
        if field.name in hidden or field.name not in training.features:
            continue
        of_column = [
            check for check in checks
            if check.column == field.name and check.signal in (FEATURE_DRIFT, DATA_QUALITY)
        ]  # fmt: skip
        shifts.append(_shift(field.name, of_column, training.features, served.features))
    order = {FAIL: 0, WARN: 1}
    return tuple(sorted(shifts, key=lambda shift: order.get(shift.status, 2)))


def _shift(
    name: str, checks: Sequence[Check], training: pd.DataFrame, served: pd.DataFrame
) -> ColumnShift:
    deciding = [check for check in checks if check.primary or check.signal == DATA_QUALITY]
    status = worst(check.status for check in deciding if check.status != INSUFFICIENT)
    primary = next((check for check in checks if check.primary), None)
    findings = tuple(_finding(check) for check in deciding if check.status in (WARN, FAIL))
    if primary is not None and primary.status == OK and _is_beyond(primary):
        findings = (*findings, BY_CHANCE)
    unit = ""
    if status in (WARN, FAIL) and name in served:
        unit = unit_of_quantiles(
            read_numbers(served[name]).values, read_numbers(training[name]).values
        )
    return ColumnShift(
        column=name,
        status=status,
        test=primary.check if primary else "",
        score=primary.score if primary else None,
        limit=primary.threshold if primary else None,
        missing_training=_missing(training, name),
        missing_served=_missing(served, name),
        unit=unit,
        findings=findings,
    )


def _is_beyond(check: Check) -> bool:
    """Whether a score is over its limit, which chance alone explains where it is still ok."""
    limits = (check.score, check.threshold)
    return None not in limits and check.score > check.threshold  # type: ignore[operator]


def _finding(check: Check) -> str:
    """A check that is over its limit, in words."""
    text = f"{check_title(check.check)} {check.score:.3g}" if check.score is not None else ""
    return ": ".join(filter(None, (text or check_title(check.check), check.message)))


def _missing(frame: pd.DataFrame, name: str) -> float | None:
    return float(frame[name].isna().mean()) if name in frame and len(frame) else None
