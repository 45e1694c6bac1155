"""Evaluation documents of several runs, by path: what their tasks draw of the held-out rows.

A run that stored a document has that one; for one that kept its predictions only, its task makes it
of these. Nothing here knows what a document holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pilothouse.comparison.curves import read_json
from pilothouse.comparison.predictions import predictions
from pilothouse.experiments.details import RunInfo
from pilothouse.kit.errors import PilothouseError
from pilothouse.storage import Store

FOLDER = "evaluation/"
CONFUSION = "confusion.json"
MAX_DOCUMENTS = 24


def read_documents(store: Store, runs: Sequence[RunInfo]) -> dict[str, dict[str, Any]]:
    """By path the documents by run id, each in the order of the runs; at most `MAX_DOCUMENTS`.

    What cannot be read is left out: the page of its run says what is wrong with it.
    """
    by_path: dict[str, dict[str, Any]] = {}
    for run in runs:
        for path, document in _of_run(store, run).items():
            by_path.setdefault(path, {})[run.id] = document
    return {path: by_path[path] for path in sorted(by_path)[:MAX_DOCUMENTS]}


def _of_run(store: Store, run: RunInfo) -> Mapping[str, Any]:
    paths = [artifact.path for artifact in run.artifacts if _is_document(artifact.path)]
    stored = {}
    for path in paths[:MAX_DOCUMENTS]:
        try:
            stored[path] = read_json(store, run, path)
        except PilothouseError:
            continue
    if any(path.startswith(FOLDER) for path in paths):
        return stored
    return {**_made(store, run), **stored}


def _made(store: Store, run: RunInfo) -> Mapping[str, Any]:
    """The documents of the rows that a run kept; none where it kept no predictions."""
    try:
        part = predictions(store, run)
    except PilothouseError:
        return {}
    if part is None:
        return {}
    rows = part.rows
    at = None if rows.at is None else rows.at.tolist()
    documents = part.task.documents(part.signature, rows.columns, rows.truth, at)
    return {path: value for path, value in documents.items() if _is_document(path)}


def _is_document(path: str) -> bool:
    return path == CONFUSION or (path.startswith(FOLDER) and path.endswith(".json"))
