"""All columns together: a classifier of reference and window, for 20 windows of 5,000 rows.

Ours runs the check on the five inputs of the car loans in `data/car_loan`, whose last five
windows have changed. Seconds are of this process's CPU. The reference is NannyML 0.13.1's domain
classifier on as many windows: 1,297 s, measured once on the machine of docs/measured.md.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

FILE = Path(__file__).parents[2] / "data" / "car_loan" / "car_loan.parquet"
WINDOWS, ROWS = 20, 5_000
NANNYML = 1_297.0


def measure() -> dict[str, Any]:
    """CPU seconds of all windows; the ratio is NannyML's over ours."""
    from pilothouse.models.signature import Signature, SignatureField
    from pilothouse.monitoring.domain_classifier import domain_check
    from pilothouse.monitoring.monitor_config import MonitorConfig
    from pilothouse.monitoring.reference_profile import held_out_rows, profile_reference

    names = {"car_value": "number", "debt_to_income_ratio": "number", "loan_length": "integer"}
    names |= {"salary_range": "string", "repaid_loan_on_prev_car": "boolean"}
    fields = tuple(SignatureField(name, kind) for name, kind in names.items())  # type: ignore[arg-type]
    signature = Signature(fields, "repaid", (0, 1), 1)
    frame = pd.read_parquet(FILE)
    frame["salary_range"] = frame["salary_range"].astype(str)
    frame = frame.assign(__score=frame["y_pred_proba"], __target=frame["repaid"])
    reference = frame[frame["part"] == "reference"].reset_index(drop=True)
    profile, rows = profile_reference(reference, signature), held_out_rows(reference, signature)

    began = time.process_time()
    checks = []
    for window in range(WINDOWS):
        part = frame.iloc[window * ROWS : (window + 1) * ROWS]
        windowed = held_out_rows(part, signature)
        checks.append(domain_check(rows, windowed, profile, MonitorConfig()))
    seconds = time.process_time() - began
    areas = np.array([check.score for check in checks], dtype=np.float64)
    return {
        "work": "domain",
        "ours": round(seconds, 2),
        "reference": NANNYML,
        "ratio": round(NANNYML / seconds),
        "unit": f"CPU seconds for {WINDOWS} windows of {ROWS:,} rows, lower is better",
        "reference_is": "NannyML 0.13.1, wall time measured once",
        "statuses": [check.status for check in checks],
        "areas": f"unchanged {areas[:15].mean():.3f}, changed {areas[15:].mean():.3f}",
    }
