"""Evidently's report of a window: made on demand, in a child process of its own.

Importing Evidently takes seconds and hundreds of megabytes, so nothing else imports it.
"""

from __future__ import annotations

import os
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pilothouse.jobs import Progress
from pilothouse.monitoring import baselines, report_requests, window_data, window_store
from pilothouse.monitoring.profiles import Kind
from pilothouse.monitoring.reference_profile import KINDS, SCORE, monitored_inputs
from pilothouse.monitoring.windows import Span
from pilothouse.storage import Store

if TYPE_CHECKING:
    import pandas as pd

MAX_ROWS = 50_000
SEED = 20_130_301
PREDICTION = "prediction score"


def report_job(store: Store, progress: Progress, report: str) -> dict[str, Any]:
    """Render the HTML of a requested report as an artifact. Idempotent."""
    with store.read() as session:
        requested = report_requests.require(session, report)
        window = window_store.require(session, requested.window_id)

    if requested.digest is not None:
        return {"report": report, "digest": requested.digest}

    progress(0.05, "reading rows")
    baseline = baselines.baseline(store, window.model, window.version)
    kinds = {field.name: KINDS[field.type] for field in monitored_inputs(baseline.signature)}
    frame = window_data.observe(store, window.deployment, Span(window.start, window.end))
    version_rows = frame[(frame["model"] == window.model) & (frame["version"] == window.version)]
    rows = window_data.rows_of(version_rows, baseline.signature, list(kinds))
    current = sample(rows.features.assign(**{PREDICTION: rows.score}))
    held_out = baselines.held_out(store, window.model, window.version)
    reference = sample(held_out.rename(columns={SCORE: PREDICTION}))
    progress(0.2, "starting Evidently")
    page = evidently_page(reference, current, {**kinds, PREDICTION: "number"})
    digest = store.artifacts.put_bytes(page)

    rendered = report_requests.RenderedReport(
        digest, len(page), len(current), len(reference), _sampling(len(version_rows))
    )
    with store.write() as session:
        report_requests.store_report(session, store, report, rendered)

    return {"report": report, "digest": digest}


def sample(frame: pd.DataFrame) -> pd.DataFrame:
    """At most `MAX_ROWS` of the rows, drawn evenly with a stated seed, in their own order."""
    if len(frame) <= MAX_ROWS:
        return frame
    positions = np.random.default_rng(SEED).choice(len(frame), MAX_ROWS, replace=False)
    return frame.iloc[np.sort(positions)]


def _sampling(rows: int) -> dict[str, Any]:
    return {"of": rows, "most": MAX_ROWS, "seed": SEED, "sampled": rows > MAX_ROWS}


def evidently_page(reference: pd.DataFrame, current: pd.DataFrame, kinds: dict[str, Kind]) -> bytes:
    """Evidently's data drift report of the columns that both sides have, as one HTML file."""
    os.environ["DO_NOT_TRACK"] = "1"
    with warnings.catch_warnings(), np.errstate(all="ignore"), tempfile.TemporaryDirectory() as tmp:
        warnings.simplefilter("ignore")  # a library's own warnings must not fail the job
        from evidently import DataDefinition, Dataset, Report
        from evidently.presets import DataDriftPreset

        shared = _shared(reference, current, kinds)
        definition = DataDefinition(
            numerical_columns=[name for name in shared if kinds[name] == "number"],
            categorical_columns=[name for name in shared if kinds[name] == "category"],
        )
        sides = [
            Dataset.from_pandas(_plain(frame, shared, kinds), data_definition=definition)
            for frame in (current, reference)
        ]
        snapshot = Report([DataDriftPreset(columns=shared)]).run(*sides)
        path = Path(tmp) / "report.html"
        snapshot.save_html(str(path))
        return path.read_bytes()


def _shared(reference: pd.DataFrame, current: pd.DataFrame, kinds: dict[str, Kind]) -> list[str]:
    """The columns with values on both sides: Evidently fails on an empty one."""
    return [
        name
        for name in kinds
        if name in reference
        and name in current
        and reference[name].notna().any()
        and current[name].notna().any()
    ]


def _plain(frame: pd.DataFrame, names: list[str], kinds: dict[str, Kind]) -> pd.DataFrame:
    """Floats and texts, the types that Evidently reads without a guess."""
    import pandas as pd

    columns = {
        name: pd.to_numeric(frame[name], errors="coerce").astype("float64")
        if kinds[name] == "number"
        else frame[name].astype("string").astype(object)
        for name in names
    }
    return pd.DataFrame(columns).reset_index(drop=True)
