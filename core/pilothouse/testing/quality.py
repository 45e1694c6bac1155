"""What every data quality check promises: quiet on an ordinary window, and a finite score."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from pilothouse.models.signature import Signature, SignatureField
from pilothouse.monitoring.checks import DATA_QUALITY, FAIL, WARN
from pilothouse.monitoring.monitor_config import MonitorConfig
from pilothouse.monitoring.quality import QualityCheck, WindowFacts
from pilothouse.monitoring.reference_profile import profile_reference
from pilothouse.monitoring.traffic import Traffic
from pilothouse.monitoring.window_checks import checked
from pilothouse.monitoring.window_rows import WindowRows
from pilothouse.testing.parameters import check_described, check_unit

ROWS = 400
ORDINARY = Traffic(ROWS, 0.01, 0, ROWS, True, (380, 420, 400, 390, 410), (0.01, 0.02, 0.0, 0.01))
SIGNATURE = Signature((SignatureField("x", "number"),), "y", (0, 1), 1)


def facts(values: list[float], traffic: Traffic | None = ORDINARY) -> WindowFacts:
    """The facts of a window of one column whose reference is a ramp."""
    ramp = pd.DataFrame({"x": np.arange(ROWS) / 7, "__target": 0, "__score": 0.5})
    reference = profile_reference(ramp, SIGNATURE)
    window = pd.DataFrame({"x": values}, dtype=np.float64)
    rows = WindowRows(window, {}, np.full(len(window), np.nan))
    return WindowFacts(reference, rows, traffic=traffic)


def check_quality_check(name: str, check: QualityCheck) -> None:
    """Raise AssertionError, with what is wrong, unless the check keeps every promise."""
    check_described(name, check)
    check_unit(name, check)
    for field in ("label", "phrase"):
        text = getattr(check, field)
        assert text.strip() == text != "", f"{name} needs a {field}"
    limits = check.limits
    ends = [limits.warn, limits.fail][:: 1 if limits.direction == "above" else -1]
    assert ends == sorted(ends), f"{name} must warn before it fails"

    ordinary = [float(n) / 7 for n in range(ROWS)]
    for values, traffic in ((ordinary, ORDINARY), (ordinary, None), ([], None)):
        result = checked(name, check, facts(values, traffic), MonitorConfig())
        if result is None:
            continue
        assert result.signal == DATA_QUALITY
        assert result.status not in (WARN, FAIL), f"{name} breaches on an ordinary window"
        score = result.score
        assert score is None or math.isfinite(score), f"{name} gives {score}"
