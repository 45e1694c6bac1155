"""The first page of an archive: how a stranger reads it."""

from __future__ import annotations

TEXT = """\
# An archive of a Pilothouse workspace

As of AS_OF. Everything is in open formats: no program of ours is needed to read it.

| path | content |
|---|---|
| `archive.json` | every file with its SHA-256, every table with its columns, what is left out |
| `tables/*.parquet` | the tables: runs, metrics, models, promotions, deployments, windows, alerts |
| `artifacts/ab/<sha256>` | files of runs, datasets (Parquet) and models, named by their SHA-256 |
| `predictions/`, `labels/`, `requests/` | the prediction log in Parquet, by deployment and day |
| `journal/` | the newest predictions and labels, a line of JSON each |
| `logs/` | logs of jobs and processes |
| `activity.anchor` | the length and the head of the audit log, `tables/activity_entry.parquet` |

In the tables, instants are timestamps in UTC, and columns that `archive.json` calls `json` are JSON
as text. Unpack the archive, and read it in that folder:

```python
import json
import pandas as pd

runs = pd.read_parquet("tables/experiments_run.parquet")
metrics = pd.read_parquet("tables/experiments_run_metric.parquet")  # a row for each metric of a run
print(metrics.merge(runs, left_on="run_id", right_on="id")[["name", "key", "last", "status"]])

versions = pd.read_parquet("tables/registry_version.parquet")
versions["inputs"] = [len(json.loads(text)["inputs"]) for text in versions["signature"]]
print(versions[["model", "version", "stage", "inputs"]])

datasets = pd.read_parquet("tables/data_dataset_version.parquet")
for row in datasets.itertuples():  # the rows of each version
    rows = pd.read_parquet(f"artifacts/{row.digest[:2]}/{row.digest}")
    print(row.dataset, row.version, rows.shape)
```

Histories of metrics are in `tables/experiments_metric.parquet` while their run is running, and in
blocks when it has ended: a row for each series, whose number is the `id` of its metric.

```python
import zlib
import numpy as np

for series, count, data in pd.read_parquet("tables/experiments_block.parquet").values:
    plain = zlib.decompress(data)
    steps, instants = np.cumsum(np.frombuffer(plain, "<i8", 2 * count).reshape(2, count), axis=1)
    values = np.frombuffer(plain, "<f8", count, 16 * count)
    at = pd.to_datetime(instants, unit="us", utc=True)
    print(series, pd.DataFrame({"step": steps, "at": at, "value": values}).tail(1))
```

Whether the archive is whole:

```python
import hashlib
import pathlib

for file in json.loads(pathlib.Path("archive.json").read_bytes())["files"]:
    data = pathlib.Path(file["path"]).read_bytes()
    assert hashlib.sha256(data).hexdigest() == file["sha256"], file["path"]
```

To use it again: `pilothouse archives import FILE --workspace NEW`. Models, checks and recipes in it
are code that the workspace then runs: import only what you know the maker of.
"""


def readme(as_of: str) -> bytes:
    """The page of an archive of a workspace as it was at an instant, empty before its first one."""
    return TEXT.replace("AS_OF", as_of or "its beginning").encode()
