"""Snapshots of Evidently as it writes them, without Evidently."""

from __future__ import annotations

import json
from typing import Any


def evidently_result(value: float = 0.25) -> dict[str, Any]:
    """The PSI of one column, as a metric's result."""
    params = {
        "type": "evidently:metric_v2:ValueDrift",
        "column": "temp",
        "method": "PSI",
        "threshold": 0.1,
    }
    return {
        "type": "evidently:metric_result_v2:SingleValue",
        "metric_value_location": {"metric": {"metric_id": "a", "params": params}},
        "value": value,
        "tests": [],
    }


def evidently_snapshot(**changes: Any) -> bytes:
    """A snapshot with that result; `changes` are fields of its file."""
    content = {
        "timestamp": "2013-03-06T00:00:00",
        "name": "a",
        "tags": [],
        "metadata": {},
        "metric_results": {"a": evidently_result()},
    }
    return json.dumps(content | changes).encode()
