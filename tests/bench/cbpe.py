"""Performance without labels: calibration on a reference, then three metrics of 20 windows.

Ours fits the estimator to the 50,000 reference rows of the car loans in `data/car_loan` and
estimates every metric of 20 windows of 5,000 rows, each with its error. Seconds are of this
process's CPU. The reference is NannyML 0.13.1's CBPE of ROC AUC, accuracy and F1 on as many
windows: 9.8 s, measured once on the machine of docs/measured.md, in an environment of its own.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

FILE = Path(__file__).parents[2] / "data" / "car_loan" / "car_loan.parquet"
WINDOWS, ROWS = 20, 5_000
NANNYML = 9.8
REPEATS = 3


def measure() -> dict[str, Any]:
    """CPU seconds of both steps, the best of three times; the ratio is NannyML's over ours."""
    frame = pd.read_parquet(FILE)
    score = frame["y_pred_proba"].to_numpy(np.float64)
    truth = frame["repaid"].to_numpy(np.float64)
    is_reference = (frame["part"] == "reference").to_numpy()
    runs = [_run(score, truth, is_reference) for _ in range(REPEATS)]
    fitting, estimating = min(runs, key=sum)
    total = fitting + estimating
    return {
        "work": "cbpe",
        "ours": round(total, 3),
        "reference": NANNYML,
        "ratio": round(NANNYML / total, 1),
        "unit": f"CPU seconds for {WINDOWS} windows of {ROWS:,} rows, lower is better",
        "reference_is": "NannyML 0.13.1, three metrics, wall time measured once",
        "fitting": round(fitting, 3),
        "estimating": round(estimating, 3),
    }


def _run(score: Any, truth: Any, is_reference: Any) -> tuple[float, float]:
    """CPU seconds of fitting to the reference, and of all windows."""
    from pilothouse.models.signature import Signature
    from pilothouse.models.tasks.binary import Binary
    from pilothouse.monitoring.estimation.class_estimator import fit_classes

    signature = Signature((), "repaid", (0, 1), 1, threshold=0.65)
    outputs = {"score": score[is_reference]}
    metrics = Binary.compute_metrics(signature, outputs, truth[is_reference])
    began = time.process_time()
    estimator = fit_classes(Binary(), signature, outputs, truth[is_reference], metrics)
    assert estimator is not None
    fitted = time.process_time()
    for window in range(WINDOWS):
        part = {"score": score[window * ROWS : (window + 1) * ROWS]}
        estimates = estimator.estimate(Binary(), signature, part)
        assert {"roc_auc", "accuracy", "f1"} <= set(estimates)
    return fitted - began, time.process_time() - fitted
