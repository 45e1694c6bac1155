"""Samples of versions with the rewards that callers have sent for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np

from pilothouse.deployments.analysis.variant_samples import VariantSample
from pilothouse.deployments.prediction_log import log
from pilothouse.deployments.prediction_log.feedback_log import read_rewards

COLUMNS = ["prediction_id", "version", "received_at"]


def with_rewards(
    workspace: Path,
    deployment: str,
    samples: Mapping[int, VariantSample],
    since: datetime,
    until: datetime,
) -> dict[int, VariantSample]:
    """The samples with one number for each rewarded prediction, or entity, of their versions.

    Rewards and the predictions that they are for were received in since <= at < until.
    """
    rewards = read_rewards(workspace, deployment, since, until)
    if not rewards.by_id and not rewards.by_entity:
        return dict(samples)
    values: dict[int, list[float]] = {version: [] for version in samples}
    for (version, _), reward in rewards.by_entity.items():
        if version in values:
            values[version].append(reward)
    for prediction, version in _versions_of(workspace, deployment, since, until).items():
        if prediction in rewards.by_id and version in values:
            values[version].append(rewards.by_id[prediction])
    return {
        version: replace(sample, rewards=np.array(values[version], dtype=np.float64))
        for version, sample in samples.items()
    }


def _versions_of(
    workspace: Path, deployment: str, since: datetime, until: datetime
) -> dict[str, int]:
    """The version that made each prediction of a span."""
    query = log.LogQuery(columns=COLUMNS, received=(since, until))
    table = log.union(workspace, deployment, log.PREDICTIONS, query)
    if table is None:
        return {}
    frame = table.to_pandas()
    frame = frame[(frame["received_at"] >= since) & (frame["received_at"] < until)]
    return dict(zip(frame["prediction_id"], frame["version"].astype(int), strict=True))
