"""How fast a model process answers single rows, and how much memory it takes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from pilothouse.kit.errors import Conflict
from pilothouse.pipelines.measured_version import MeasuredVersion
from pilothouse.pipelines.measurements import MeasurementResult, measurement_kinds

REQUESTS, WARM = 200, 10
MS, MEGABYTE = 1000, 1e6


@measurement_kinds.register("model_process")
class ModelProcessMeasurement:
    """Requests with one row, one after the other, over the socket of a model process."""

    title = "Latency and memory"
    description = "Percentiles of requests with one row, and the process's resident memory."

    @staticmethod
    def measure(version: MeasuredVersion, params: Mapping[str, Any]) -> MeasurementResult:
        """Median and 95th percentile in milliseconds, and megabytes."""
        import numpy as np
        import pandas as pd

        try:
            _, frame = version.sample(REQUESTS)
        except Conflict:  # without evaluated rows, its example will do
            frame = pd.DataFrame(version.info.input_example)
        if frame.empty:
            raise Conflict("it has neither evaluated rows nor an example")
        process, took = version.process, []
        for number in range(REQUESTS + WARM):
            row = frame.iloc[[number % len(frame)]]
            started = time.perf_counter()
            process.score(row, lambda *_: None)
            took.append((time.perf_counter() - started) * MS)
            if number % 20 == 0:
                version.report(number / (REQUESTS + WARM), f"{number} requests answered")
        p50, p95 = np.percentile(took[WARM:], [50, 95])
        memory = process.memory_bytes() / MEGABYTE
        figures = {"p50_ms": float(p50), "p95_ms": float(p95), "memory_mb": memory}
        return MeasurementResult({**figures, "requests": REQUESTS}, f"{len(frame):,} rows")
