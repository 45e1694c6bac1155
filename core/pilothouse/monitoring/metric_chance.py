"""When a metric is worse than chance explains: by its standard error and the reference's own."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from pilothouse.comparison.statistics.standard_errors import StandardError
from pilothouse.monitoring.checks import FAIL, INSUFFICIENT, OK, WARN, Check

ERRORS = 2.5  # how many standard errors worse than the reference is more than chance
ROUNDING = 1e-12
NOT_WORSE = 1.645  # errors between a metric and its tolerance that show with 95 % that it holds


def beyond_chance(
    check: Check, error: StandardError | None, why_none: str, reference_error: float | None
) -> Check:
    """The check, a breach only when the metric is also `ERRORS` standard errors worse.

    The error is that of the difference of the window's metric and the reference's. Where that many
    errors reach the failing limit, ok needs to be shown: else it is insufficient. A metric without
    an error has its limits alone, unless `why_none` says that there are too few rows for one.
    """
    if check.score is None or check.reference is None or check.threshold is None:
        return check
    if error is None:
        return replace(check, status=INSUFFICIENT, message=why_none) if why_none else check

    if reference_error is None:  # a profile from before errors were stored with it
        rows = check.n_current / check.n_reference if check.n_reference else 0.0
        reference_error = error.error * rows**0.5
    total = float(np.hypot(error.error, reference_error))
    reach = error.inflation + ERRORS * total
    sign = -1 if check.direction == "below" else 1
    worse = sign * (check.score - check.reference)
    tolerated = sign * (check.threshold - check.reference)
    judged = replace(
        check,
        noise=check.reference + sign * reach,
        noise_method=error.method,
        noise_level=_upper_tail(ERRORS),
        p_value=_upper_tail((worse - error.inflation) / total) if total else float(worse <= 0),
        standard_error=error.error,
        reference_error=reference_error,
    )
    if check.status == INSUFFICIENT or worse > reach:
        return judged
    if reach >= tolerated > 0 and worse + NOT_WORSE * total > tolerated:
        note = f"too few labels: by chance alone it is down to {judged.noise:.4g}"
        note = note if sign < 0 else note.replace("down to", "up to")
        return replace(judged, status=INSUFFICIENT, message=note)
    if check.status in (WARN, FAIL):
        return replace(judged, status=OK, message=f"within {ERRORS} standard errors")
    return judged


def error_of(check: Check) -> StandardError | None:
    """The standard error that a check was judged by, with what its noise says of inflation."""
    if check.standard_error is None or check.reference is None or check.noise is None:
        return None
    sign = -1 if check.direction == "below" else 1
    total = float(np.hypot(check.standard_error, check.reference_error or 0.0))
    inflation = sign * (check.noise - check.reference) - ERRORS * total
    if abs(inflation) <= ROUNDING * max(abs(check.noise), abs(check.reference), total):
        inflation = 0.0
    return StandardError(check.standard_error, check.noise_method or "", inflation)


def _upper_tail(z: float) -> float:
    return 0.5 * math.erfc(z / math.sqrt(2))
