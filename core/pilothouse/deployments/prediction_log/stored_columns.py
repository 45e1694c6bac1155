"""The names of columns in the prediction log: what every prediction has, outputs, and features.

Outputs are stored as `out.<name>`, but the score, which older files have, as `score`. Features are
stored under their own names, unless that name is one of the others: then as `feature.<name>`. So a
name in the log always means the same, whatever the model's columns are called. Files that were
written before there were other outputs than the score carry no `MARK`: what is called `out.…` in
them is a feature. A feature whose values are hashed is stored as `hashed.<name>` in its place, so
that nothing takes a hash for a value; in files of mark 2 what is called `hashed.…` is a feature.
"""

from __future__ import annotations

from collections.abc import Mapping

from pilothouse.models.signature import Signature
from pilothouse.models.tasks import SCORE, task_of

LABEL_COLUMNS = ("prediction_id", "label", "label_at", "received_at")
PREDICTION_COLUMNS = (
    "prediction_id",
    "model",
    "version",
    "event_at",
    "received_at",
    "latency_ms",
)
FEATURES_AT = "features_at"  # of rows with looked up features: the time of their oldest value
RESERVED = frozenset((*PREDICTION_COLUMNS, SCORE, FEATURES_AT))
OUTPUT, FEATURE, HASHED = "out.", "feature.", "hashed."
MARK_KEY = b"pilothouse.prediction_log"
MARK = {MARK_KEY: b"4"}  # in the metadata of a Parquet file
BEFORE_LOOKUPS = b"3"  # the mark of files in which `features_at` is a feature


def output_column(name: str) -> str:
    """The column of an output in the log."""
    return SCORE if name == SCORE else f"{OUTPUT}{name}"


def is_output_column(name: str) -> bool:
    """Whether a column of the log is an output."""
    return name == SCORE or name.startswith(OUTPUT)


def output_columns(signature: Signature) -> dict[str, str]:
    """The logged outputs of a model: the column in the log by the output's name."""
    outputs = task_of(signature).columns(signature)
    return {output.name: output_column(output.name) for output in outputs}


def feature_column(name: str) -> str:
    """The column of a feature in the log: its own name, unless the log uses that for another."""
    return f"{FEATURE}{name}" if _is_taken(name) else name


def hashed_column(name: str) -> str:
    """The column of a feature in the log whose values are hashed."""
    return f"{HASHED}{name}"


def is_hashed_column(name: str) -> bool:
    """Whether a column of the log has hashes of a feature's values."""
    return name.startswith(HASHED)


def _is_taken(name: str) -> bool:
    """Whether a feature of that name needs the prefix, so that names stay different."""
    if name in RESERVED or name.startswith((OUTPUT, HASHED)):
        return True
    return name.startswith(FEATURE) and _is_taken(name.removeprefix(FEATURE))


def present_name(name: str, metadata: Mapping[bytes, bytes] | None) -> str:
    """How a column of a Parquet file is called now; `metadata` is that of the file."""
    mark = (metadata or {}).get(MARK_KEY)
    if mark == MARK[MARK_KEY]:
        return name
    if name == FEATURES_AT:
        return feature_column(name)
    if mark == BEFORE_LOOKUPS or name in RESERVED:
        return name
    if mark is not None:
        return feature_column(name) if name.startswith(HASHED) else name
    own = name.removeprefix(FEATURE)
    return feature_column(own if own in RESERVED else name)
