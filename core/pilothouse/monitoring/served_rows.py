"""The first rows that a version answered: the reference of a version without held-out rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pilothouse.deployments.prediction_log import log
from pilothouse.models.signature import Signature
from pilothouse.monitoring import window_data
from pilothouse.monitoring.reference_profile import (
    ReferenceProfile,
    monitored_inputs,
    output_columns,
    profile_served,
)
from pilothouse.monitoring.window_rows import WindowRows
from pilothouse.storage import Store


def first_rows(
    store: Store, deployment: str, model: str, version: int, signature: Signature, count: int
) -> WindowRows:
    """The first `count` predictions of a version by their time of receipt, or all when fewer."""
    frame = log.predictions(store.folder, deployment)
    own = frame[(frame["model"] == model) & (frame["version"] == version)].head(count)
    names = [field.name for field in monitored_inputs(signature)]
    return window_data.rows_of(own.assign(**{window_data.LABEL: None}), signature, names)


def waiting(signature: Signature, rows: int) -> ReferenceProfile:
    """The empty profile of a version whose first rows are not complete."""
    import pandas as pd

    empty = pd.Series(dtype=object)
    features = pd.DataFrame({field.name: empty for field in monitored_inputs(signature)})
    outputs = {column.name: empty.to_numpy() for column in output_columns(signature)}
    profile = profile_served(WindowRows(features, outputs, np.empty(0)), signature)
    return replace(
        profile, waiting=f"the first {rows:,} predictions become the reference; there are fewer yet"
    )
