"""Evidently's report of a window: made on demand, in a child process of its own.

Importing Evidently takes seconds and hundreds of megabytes, so nothing else imports it.
"""

from __future__ import annotations

import json
import os
import tempfile
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pilothouse.deployments import commands
from pilothouse.jobs import Progress
from pilothouse.models.signature import Signature
from pilothouse.models.tasks import class_of_code, task_of
from pilothouse.monitoring import (
    baselines,
    monitors,
    report_requests,
    window_data,
    window_store,
)
from pilothouse.monitoring.chosen_inputs import chosen_inputs
from pilothouse.monitoring.deleted_rows import refuse_deleted_rows
from pilothouse.monitoring.distances import Floats
from pilothouse.monitoring.evaluated_settings import evaluated_config, reference_source
from pilothouse.monitoring.kinds import Kind
from pilothouse.monitoring.masked_values import masked_values
from pilothouse.monitoring.reference_profile import KINDS, monitored_inputs, output_columns
from pilothouse.monitoring.tables import Window
from pilothouse.monitoring.window_rows import WindowRows
from pilothouse.monitoring.windows import Span
from pilothouse.storage import Store

if TYPE_CHECKING:
    import pandas as pd

MAX_ROWS = 50_000
SEED = 20_130_301
PREDICTION = "prediction "  # in front of an output's name
TARGET, ANSWER = "observed value", "predicted value"
MAX_CLASSES = 20
DIGITS = 12


@dataclass(frozen=True, eq=False)
class WindowSides:
    """The rows of a window and of its reference, as reports have them."""

    signature: Signature
    window: Window
    reference: pd.DataFrame
    current: pd.DataFrame


def report_job(store: Store, progress: Progress, report: str) -> dict[str, Any]:
    """Render the HTML of a requested report as an artifact. Idempotent."""
    with store.read() as session:
        requested = report_requests.require(session, report)
    if requested.digest is not None:
        return {"report": report, "digest": requested.digest}

    progress(0.05, "reading rows")
    sides = window_sides(store, requested.window_id)
    signature = sides.signature
    reference, current = map(sample, comparable(signature, sides.reference, sides.current))
    progress(0.2, "starting Evidently")
    kinds = {name: kind for name, kind in column_kinds(signature).items() if name in current}
    page = evidently_page(reference, current, kinds, signature)
    digest = store.artifacts.put_bytes(page)

    rendered = report_requests.RenderedReport(
        digest, len(page), len(current), len(reference), _sampling(len(sides.current))
    )
    with store.write() as session:
        report_requests.store_report(session, store, report, rendered)

    return {"report": report, "digest": digest}


def window_sides(store: Store, window_id: str) -> WindowSides:
    """The rows of a window and of what it is compared with, inputs only where that has no outputs.

    Categories of personal data have the names that stand for them, numbers of it are left out.
    Raises NotFound, Conflict for a window whose rows were deleted.
    """
    with store.read() as session:
        window = window_store.require(session, window_id)
        span = Span(window.start, window.end)
        refuse_deleted_rows(session, window.deployment, span)
    profile = json.loads(store.artifacts.read(window.profile))
    with store.read() as session:
        present = monitors.monitor_info(session, window.deployment).config
        config = evaluated_config(profile, present)
        named = (window.deployment, window.model, window.version)
        signature = commands.signature_of(session, *named)
        masked = masked_values(session, store, window.deployment)
    kinds = _input_kinds(signature)
    frame = window_data.observe(store, window.deployment, span)
    version_rows = frame[(frame["model"] == window.model) & (frame["version"] == window.version)]
    rows = window_data.rows_of(version_rows, signature, list(kinds))
    reference_rows = baselines.reference_rows(
        store, *named, config.reference_rows, reference_source(profile)
    )
    chosen = chosen_inputs(store, window.deployment, signature, config, span)
    if chosen is not None:
        reference_rows = replace(chosen.rows, outputs={})
    reference, current = report_frame(reference_rows, signature), report_frame(rows, signature)
    if chosen is not None:  # inputs only
        current = current[[name for name in reference if name in current]]
    sides = (masked.rows(side, kinds) for side in (reference, current))
    return WindowSides(signature, window, *sides)


def column_kinds(signature: Signature) -> dict[str, Kind]:
    """The columns of the report by name: every input that is not a time, and every output."""
    return _input_kinds(signature) | {
        PREDICTION + c.name: c.kind for c in output_columns(signature)
    }


def _input_kinds(signature: Signature) -> dict[str, Kind]:
    """The inputs whose drift Evidently tests: all but times."""
    kinds = {field.name: KINDS[field.type] for field in monitored_inputs(signature)}
    return {name: kind for name, kind in kinds.items() if kind != "time"}


def report_frame(rows: WindowRows, signature: Signature) -> pd.DataFrame:
    """The rows as the report has them, with target and answer where both are one value."""
    task = task_of(signature)
    outputs = {PREDICTION + name: values for name, values in rows.outputs.items()}
    frame = rows.features.reset_index(drop=True).assign(**outputs)
    columns = task.columns(signature)
    if not measures(signature) or any(c.name not in rows.outputs for c in columns):
        return frame
    if not task.has_classes:
        return frame.assign(**{TARGET: rows.truth, ANSWER: rows.outputs[columns[0].name]})
    answers = task.predictions(signature, {n: v.tolist() for n, v in rows.outputs.items()})
    names = class_names(signature, rows.truth)
    answered = class_names(signature, task.truth(signature, answers))
    return frame.assign(**{TARGET: names, ANSWER: answered})


def measures(signature: Signature) -> bool:
    """Whether Evidently measures the performance: of numbers, and of not too many classes."""
    task = task_of(signature)
    if task.has_classes:
        return len(signature.classes) <= MAX_CLASSES
    return task.estimator == "regressor"


def class_names(signature: Signature, truth: Floats) -> Any:
    """The names of the classes that a task's numbers stand for; None where there is none."""
    classes = class_of_code(signature)
    names = {code: str(label) for code, label in classes.items()}
    return np.array([names.get(code) for code in truth.tolist()], dtype=object)


def comparable(
    signature: Signature, reference: pd.DataFrame, current: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Both sides; their labelled rows only, where those are at least half of each.

    Evidently measures performance on whole sides, so otherwise there is no page of it.
    """
    sides = (reference, current)
    if any(TARGET not in side for side in sides):
        return sides
    labelled = [side[side[TARGET].notna() & side[ANSWER].notna()] for side in sides]
    enough = all(len(part) >= len(side) / 2 > 0 for part, side in zip(labelled, sides, strict=True))
    if enough and all(_has_classes_enough(part, signature) for part in labelled):
        return labelled[0], labelled[1]
    return reference.drop(columns=[TARGET, ANSWER]), current.drop(columns=[TARGET, ANSWER])


def _has_classes_enough(frame: pd.DataFrame, signature: Signature) -> bool:
    """Whether Evidently treats the rows as what the signature says.

    It decides by the classes that occur: rows with two are another kind of task for it.
    """
    occurring = {*frame[TARGET], *frame[ANSWER]}
    return not task_of(signature).has_classes or len(occurring) >= min(len(signature.classes), 3)


def sample(frame: pd.DataFrame) -> pd.DataFrame:
    """At most `MAX_ROWS` of the rows, drawn evenly with a stated seed, in their own order."""
    if len(frame) <= MAX_ROWS:
        return frame
    positions = np.random.default_rng(SEED).choice(len(frame), MAX_ROWS, replace=False)
    return frame.iloc[np.sort(positions)]


def _sampling(rows: int) -> dict[str, Any]:
    return {"of": rows, "most": MAX_ROWS, "seed": SEED, "sampled": rows > MAX_ROWS}


def evidently_page(
    reference: pd.DataFrame, current: pd.DataFrame, kinds: dict[str, Kind], signature: Signature
) -> bytes:
    """Evidently's report of the columns that both sides have, as one HTML file.

    It is about drift and, where both sides have labels, about performance.
    """
    os.environ["DO_NOT_TRACK"] = "1"
    with warnings.catch_warnings(), np.errstate(all="ignore"), tempfile.TemporaryDirectory() as tmp:
        warnings.simplefilter("ignore")  # a library's own warnings must not fail the job
        from evidently import Dataset, Report

        shared = _shared(reference, current, kinds)
        has_classes = task_of(signature).has_classes
        if is_measured := all(TARGET in side for side in (reference, current)):
            kind: Kind = "category" if has_classes else "number"
            kinds = kinds | {TARGET: kind, ANSWER: kind}
        names = [*shared, *((TARGET, ANSWER) if is_measured else ())]
        definition, presets = _definition(shared, kinds, signature if is_measured else None)
        sides = [
            Dataset.from_pandas(_plain(frame, names, kinds), data_definition=definition)
            for frame in (current, reference)
        ]
        snapshot = Report(presets).run(*sides)
        path = Path(tmp) / "report.html"
        snapshot.save_html(str(path))
        return path.read_bytes()


def _definition(
    shared: list[str], kinds: dict[str, Kind], measured: Signature | None
) -> tuple[Any, list[Any]]:
    """What Evidently is told of the columns, and its presets; `measured` is None without labels."""
    from evidently import DataDefinition, Regression
    from evidently.presets import ClassificationPreset, DataDriftPreset, RegressionPreset

    performance: dict[str, Any] = {}
    presets: list[Any] = [DataDriftPreset(columns=shared)]
    names = [*shared, *(() if measured is None else (TARGET, ANSWER))]
    if measured is not None and task_of(measured).has_classes:
        performance = {"classification": [_classification(measured)]}
        presets.append(ClassificationPreset())
    elif measured is not None:
        performance = {"regression": [Regression(target=TARGET, prediction=ANSWER)]}
        presets.append(RegressionPreset())
    definition = DataDefinition(
        numerical_columns=[name for name in names if kinds[name] == "number"],
        categorical_columns=[name for name in names if kinds[name] == "category"],
        **performance,
    )
    return definition, presets


def _classification(signature: Signature) -> Any:
    """Evidently's name for classes: of two, one is positive."""
    from evidently import BinaryClassification, MulticlassClassification

    if len(signature.classes) > 2:
        return MulticlassClassification(target=TARGET, prediction_labels=ANSWER)
    positive = str(signature.positive)
    return BinaryClassification(target=TARGET, prediction_labels=ANSWER, pos_label=positive)


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
        name: _rounded(pd.to_numeric(frame[name], errors="coerce").astype("float64"))
        if kinds[name] == "number"
        else frame[name].astype("string").astype(object)
        for name in names
    }
    return pd.DataFrame(columns).reset_index(drop=True)


def _rounded(column: pd.Series[Any]) -> pd.Series[Any]:
    """Numbers to twelve digits of the largest one.

    Evidently cannot bin a column that varies by less than arithmetic does, such as the width of
    an interval that is always the same.
    """
    largest = float(column.abs().max())
    if not 0 < largest < np.inf:
        return column
    return column.round(DIGITS - int(np.ceil(np.log10(largest))))
