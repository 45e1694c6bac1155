"""What explains a bad window beyond its checks: segments that changed, and rows that show it.

It runs in child processes, which cache the reference's rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from pilothouse.monitoring import baselines
from pilothouse.monitoring.assessment import Assessment
from pilothouse.monitoring.baselines import Baseline
from pilothouse.monitoring.checks import DATA_QUALITY, FAIL, FEATURE_DRIFT, WARN
from pilothouse.monitoring.example_rows import example_rows
from pilothouse.monitoring.monitor_config import HELD_OUT, MonitorConfig
from pilothouse.monitoring.performance import monitored_metrics
from pilothouse.monitoring.segments import (
    SegmentedReference,
    changed_segments,
    segmented_reference,
)
from pilothouse.monitoring.window_rows import WindowRows
from pilothouse.storage import Store

MAX_EXAMPLES = 8
MAX_CACHED = 2
_references: dict[tuple[str, str], SegmentedReference] = {}  # by digest and metric; never stale


def window_details(
    store: Store,
    deployment: str,
    model: str,
    version: int,
    baseline: Baseline,
    config: MonitorConfig,
    rows: WindowRows,
    assessment: Assessment,
) -> dict[str, Any]:
    """`segments` and `examples` of a window that warns or fails, as they are stored.

    A window that does neither has none, and one whose inputs are not compared with held-out rows.
    """
    is_held_out = baseline.profile.origin == "held_out" and config.reference == HELD_OUT
    if assessment.status not in (WARN, FAIL) or not is_held_out:
        return {}
    metrics = monitored_metrics(baseline.signature, config.tolerances)
    key = baseline.digest, metrics[0].key if metrics else ""
    if key not in _references:
        held_out = baselines.reference_rows(store, deployment, model, version, 0)
        while len(_references) >= MAX_CACHED:
            _references.pop(next(iter(_references)))
        _references[key] = segmented_reference(
            held_out, baseline.signature, metrics[0] if metrics else None
        )
    reference = _references[key]
    return {
        "segments": [asdict(segment) for segment in changed_segments(reference, rows)],
        "examples": _examples(reference, rows, assessment),
    }


def _examples(
    reference: SegmentedReference, rows: WindowRows, assessment: Assessment
) -> Mapping[str, Any]:
    """Two rows for each column that breaches."""
    examples = {}
    for name in _breached(assessment)[:MAX_EXAMPLES]:
        profile = assessment.profile["columns"].get(f"{FEATURE_DRIFT}/{name}")
        features = reference.side.rows.features
        pair = None if profile is None else example_rows(name, profile, features, rows.features)
        if pair is not None:
            examples[name] = {"reference": pair.reference, "window": pair.window}
    return examples


def _breached(assessment: Assessment) -> list[str]:
    """The columns with a breach, failing ones first."""
    columns = [
        (check.status != FAIL, check.column)
        for check in assessment.checks
        if check.column
        and check.status in (WARN, FAIL)
        and (check.signal == DATA_QUALITY or (check.signal == FEATURE_DRIFT and check.primary))
    ]
    return list(dict.fromkeys(name for _, name in sorted(columns)))
