"""The rows that a window's inputs are compared with, when a monitor says so.

They are the deployment's windows before, the same weeks of the year before, or a dataset version.
Outputs and metrics stay compared with the version's own reference: a slow decline would otherwise
become the new normal, and answers of another version are not comparable.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pilothouse.data import Data
from pilothouse.deployments.prediction_log import log
from pilothouse.kit.errors import NotFound, Unavailable
from pilothouse.models.signature import Signature
from pilothouse.monitoring import window_data, window_store
from pilothouse.monitoring.monitor_config import (
    DATASET,
    HELD_OUT,
    YEAR_BEFORE,
    MonitorConfig,
)
from pilothouse.monitoring.reference_profile import (
    ReferenceProfile,
    monitored_inputs,
    profile_served,
)
from pilothouse.monitoring.window_rows import WindowRows
from pilothouse.monitoring.windows import Span, zone_named
from pilothouse.storage import Store

if TYPE_CHECKING:
    import pandas as pd

YEAR = timedelta(weeks=52)  # whole weeks, so that weekdays stay weekdays
MARGIN = timedelta(weeks=1)


@dataclass(frozen=True)
class ChosenInputs:
    """Rows of inputs with what they are called, and a digest of which rows they are.

    `lack` says why there are none yet.
    """

    rows: WindowRows
    name: str
    digest: str
    lack: str = ""


def chosen_inputs(
    store: Store, deployment: str, signature: Signature, config: MonitorConfig, span: Span
) -> ChosenInputs | None:
    """The rows that a monitor compares the inputs of a window with; None for held-out rows."""
    if config.reference == HELD_OUT:
        return None
    if config.reference == DATASET:
        return rows_of_dataset(store, signature, config.reference_dataset)
    if config.reference == YEAR_BEFORE:
        spans = _year_before(span, config.zone)
        name = "the same weeks of the year before"
    else:
        spans = _spans_before(store, deployment, config, span)
        name = f"the {len(spans)} windows before"
    return _served(store, deployment, signature, config, spans, name)


def with_inputs(
    profile: ReferenceProfile, chosen: ChosenInputs, signature: Signature
) -> ReferenceProfile:
    """The profile with the inputs of the chosen rows in place of its own."""
    own = profile_served(replace(chosen.rows, outputs={}), signature)
    return replace(
        profile,
        columns=own.columns,
        faults=own.faults,
        blocks=own.blocks,
        repeated=own.repeated,
        inputs_from=chosen.name,
        inputs_rows=own.rows,
        inputs_lack=chosen.lack,
    )


def _year_before(span: Span, zone: str) -> list[Span]:
    """The same weeks of the year before; of an hour, that hour of their days in the zone."""
    if span.length >= timedelta(hours=23):
        return [Span(span.start - YEAR - MARGIN, span.end - YEAR + MARGIN)]
    local = span.start.astimezone(zone_named(zone)) - YEAR
    days = range(-MARGIN.days, MARGIN.days + 1)
    starts = [(local + timedelta(days=day)).astimezone(UTC) for day in days]
    return [Span(start, start + span.length) for start in starts]


def _spans_before(store: Store, deployment: str, config: MonitorConfig, span: Span) -> list[Span]:
    """The windows before this one that were evaluated and not removed, the newest first."""
    with store.read() as session:
        return window_store.spans_before(
            session, deployment, config.scheme, span, config.reference_windows
        )


def _served(
    store: Store,
    deployment: str,
    signature: Signature,
    config: MonitorConfig,
    spans: list[Span],
    name: str,
) -> ChosenInputs:
    import pandas as pd

    frames = [log.predictions(store.folder, deployment, span.start, span.end) for span in spans]
    frames = [frame for frame in frames if len(frame)]
    frame = pd.concat(frames) if frames else pd.DataFrame({"prediction_id": []})
    lack = ""
    if len(frame) < config.min_rows:
        lack = f"{name} have {len(frame):,} rows; {config.min_rows:,} are needed"
    names = [field.name for field in monitored_inputs(signature)]
    rows = window_data.rows_of(frame.assign(**{window_data.LABEL: None}), signature, names)
    if not len(frame):
        rows = _no_rows(names)
    return ChosenInputs(rows, name, _digest([name, *frame["prediction_id"]]), lack)


def rows_of_dataset(store: Store, signature: Signature, ref: str) -> ChosenInputs:
    """The rows of a dataset version; none, with the reason, when it is gone or damaged."""
    data, name = Data(store), f"the dataset {ref}"
    names = [field.name for field in monitored_inputs(signature)]
    try:
        version = data.version(ref)
        existing = {column.name for column in version.schema}
        names = [column for column in names if column in existing]
        times = [version.event_time] if version.event_time else []
        frame = data.frame(ref, [*names, *(column for column in times if column not in names)])
    except (NotFound, Unavailable) as gone:
        return ChosenInputs(_no_rows(names), name, _digest([ref, "gone"]), f"{name}: {gone}")
    rows = WindowRows(frame[names], {}, np.full(len(frame), np.nan), _times(frame, times))
    return ChosenInputs(rows, name, _digest([ref]))


def _no_rows(names: list[str]) -> WindowRows:
    import pandas as pd

    empty = pd.Series(dtype=object)
    return WindowRows(pd.DataFrame(dict.fromkeys(names, empty)), {}, np.empty(0))


def _times(frame: pd.DataFrame, names: list[str]) -> npt.NDArray[np.int64] | None:
    if not names or frame[names[0]].isna().any():
        return None
    return frame[names[0]].to_numpy(dtype="datetime64[ms]").astype(np.int64)


def _digest(parts: list[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
