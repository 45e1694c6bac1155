"""Running quality checks over rows: what each measures, and whether that is within its limits."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from pilothouse.data.quality.kinds import CheckedRows, Measure, check_columns
from pilothouse.data.quality.quality_info import (
    ERROR,
    FAILED,
    PASSED,
    DatasetCheckInfo,
    QualityResult,
    figure_text,
    limits_text,
    read_check,
    unit_of,
)
from pilothouse.kit.errors import PilothouseError


def run_checks(checks: Iterable[DatasetCheckInfo], rows: CheckedRows) -> list[QualityResult]:
    """The result of each check, without those that do not apply, such as a first version's change.

    A check that cannot be measured has the status "error"; it fails, for nobody knows its figure.
    """
    results = (_run(check, rows) for check in checks)
    return [result for result in results if result is not None]


def _run(check: DatasetCheckInfo, rows: CheckedRows) -> QualityResult | None:
    try:
        kind, settings = read_check(check.kind, check.settings)
        check_columns(kind, settings, rows.schema)
        measure = kind.measure(settings, rows)
    except (PilothouseError, pa.ArrowInvalid, pa.ArrowNotImplementedError) as wrong:
        reason = wrong.message if isinstance(wrong, PilothouseError) else str(wrong)
        return _result(check, rows, ERROR, None, reason.splitlines()[0].rstrip("."))
    if measure is None:
        return None
    status = PASSED if measure.passed else FAILED
    return _result(check, rows, status, measure, _message(check, measure))


def _result(
    check: DatasetCheckInfo, rows: CheckedRows, status: str, measure: Measure | None, message: str
) -> QualityResult:
    return QualityResult(
        check_id=check.id,
        kind=check.kind,
        title=check.title,
        severity=check.severity,
        status=status,
        value=None if measure is None else float(measure.value),
        low=None if measure is None else measure.low,
        high=None if measure is None else measure.high,
        failing=None if measure is None else measure.failing,
        rows=() if measure is None else measure.rows,
        message=message,
        checked_at=rows.now,
    )


def _message(check: DatasetCheckInfo, measure: Measure) -> str:
    unit = unit_of(check.kind)
    count = ""
    if measure.failing and unit == "share":
        count = f" ({measure.failing:,} {'row' if measure.failing == 1 else 'rows'})"
    limits = limits_text(measure.low, measure.high, unit)
    limit = "" if measure.passed or not limits else f", limit {limits}"
    note = f"; {measure.note}" if measure.note else ""
    return f"{figure_text(measure.value, unit)}{count}{limit}{note}"
