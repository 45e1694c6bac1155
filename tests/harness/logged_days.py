"""A prediction log as the server leaves it, written at once: a Parquet file a day."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pilothouse.deployments.prediction_log.stored_columns import MARK


def log_days(
    folder: Path, deployment: str, predictions: pd.DataFrame, labels: pd.DataFrame
) -> None:
    """Write predictions by the day of `event_at`, and labels by that of `label_at`.

    The columns are those of the log; `folder` is the workspace's.
    """
    trees = (("predictions", predictions, "event_at"), ("labels", labels, "label_at"))
    for tree, table, when in trees:
        for day, part in table.groupby(table[when].dt.date):
            of_day = folder / tree / deployment / f"date={day}"
            of_day.mkdir(parents=True)
            arrow = pa.Table.from_pandas(part, preserve_index=False)
            pq.write_table(arrow.replace_schema_metadata(dict(MARK)), of_day / "0000.parquet")
