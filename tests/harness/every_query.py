"""Every query of the Python API, called with what a workspace has: a new one joins by itself.

A query is a public method that does not write. It is called with every combination of a few known
values of its required parameters, and once more for each optional one that has a known value.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any, NoReturn
from unittest.mock import patch

import numpy as np
import pandas as pd
from sqlmodel import text

from pilothouse.kit.errors import PilothouseError
from pilothouse.storage import Store
from pilothouse.storage.service import Service
from pilothouse.workspace import Workspace

MAX_VALUES, MAX_CALLS = 3, 12
# They wait, start processes, or answer by them; or they are of the archive itself.
LEFT_OUT = {
    "data.masked",  # an object that answers as the room does
    "deployments.masked",
    "monitoring.revealing",
    *("deployments.wait_until_ready", "deployments.predict", "jobs.wait", "archives.preview"),
    *("notifications.test_rule", "monitoring.try_check", "archives.export"),
}
# Where the values of a parameter are: of a column of a table.
COLUMNS = {
    "deployment": "deployments_deployment.name",
    "model": "registry_model.name",
    "version": "registry_version.version",
    "run": "experiments_run.id",
    "run_id": "experiments_run.id",
    "dataset": "data_dataset.name",
    "window": "monitoring_window.id",
    "window_id": "monitoring_window.id",
    "alert": "monitoring_alert.id",
    "rule": "monitoring_rule.id",
    "job": "jobs_job.id",
    "job_id": "jobs_job.id",
    "promotion": "registry_promotion.id",
    "promotion_id": "registry_promotion.id",
    "experiment": "experiments_experiment.name",
    "key": "experiments_run_metric.key",
    "metric": "experiments_run_metric.key",
    "channel": "monitoring_channel.id",
    "delivery": "monitoring_notification_delivery.id",
    "review_id": "reviews_review.id",
    "report": "monitoring_report.id",
    "person": "people_person.name",
    "subject": "environments_use.subject",
    "pipeline": "pipelines_pipeline.name",
    "kind": "activity_entry.kind",
}
NAMES = ("deployment", "model", "dataset", "experiment", "pipeline", "channel", "person")
LISTS = {"runs": "run", "run_ids": "run", "keys": "key", "deployments": "deployment"}
GIVEN: dict[str, list[Any]] = {
    "stage": ["production", "staging"],
    "target": ["container"],
    "check": ["psi", "roc_auc"],
    "column": ["temp", "distance"],
    "right": ["approve"],
    "program": ["github"],
    "action": ["archive"],
    "edition": ["basic"],
}


class _Writes(Exception):
    """A method that writes is a command."""


def known_values(workspace: Workspace) -> dict[str, list[Any]]:
    """Values of parameters, by the name of the parameter."""
    known = dict(GIVEN)
    with workspace.store.read() as session:
        for name, address in COLUMNS.items():
            table, column = address.split(".")
            if table not in _tables(session):
                continue
            query = f'SELECT DISTINCT "{column}" FROM {table} ORDER BY "{column}"'
            values = [row[0] for row in session.execute(text(query))]
            known[name] = values[: MAX_VALUES - 1] + values[MAX_VALUES - 1 :][-1:]
        versions = session.execute(text("SELECT model || '@' || version FROM registry_version"))
        known["ref"] = [*(row[0] for row in versions), *_dataset_refs(session)][:MAX_VALUES]
    for name, one in LISTS.items():
        known[name] = [known[one]]
    known["name"] = [value for name in NAMES for value in known.get(name, ())[:1]]
    known["id"] = [known[name][0] for name in ("run", "window", "job") if known.get(name)]
    return {name: values for name, values in known.items() if values}


def answers(workspace: Workspace, known: Mapping[str, list[Any]]) -> dict[str, Any]:
    """What every query answers, by its call; an error is an answer too."""
    folder = str(workspace.folder)
    with _no_writing():
        return {
            call: _plain(answer, folder)
            for address, service in _services(workspace)
            for call, answer in _of_service(address, service, known)
            if answer is not _Writes
        }


def _tables(session: Any) -> set[str]:
    from sqlalchemy import inspect as inspect_database

    return set(inspect_database(session.connection()).get_table_names())


def _dataset_refs(session: Any) -> list[str]:
    query = "SELECT dataset || '@' || version FROM data_dataset_version ORDER BY id"
    return [row[0] for row in session.execute(text(query))]


@contextmanager
def _no_writing() -> Iterator[None]:
    def write(*_args: Any, **_options: Any) -> NoReturn:
        raise _Writes

    with patch.object(Store, "write", write):
        yield


def _services(owner: Any, prefix: str = "") -> Iterator[tuple[str, Service]]:
    for name in sorted(dir(type(owner))):
        if name.startswith("_") or (prefix and inspect.isfunction(getattr(type(owner), name))):
            continue
        value = getattr(owner, name, None)
        if isinstance(value, Service):
            yield prefix + name, value
            yield from _services(value, f"{prefix}{name}.")


def _of_service(
    address: str, service: Service, known: Mapping[str, list[Any]]
) -> Iterator[tuple[str, Any]]:
    for name in sorted(dir(type(service))):
        method = getattr(type(service), name)
        if name.startswith("_") or not inspect.isfunction(method):
            continue
        if f"{address}.{name}" in LEFT_OUT:
            continue
        for options in _calls(method, known):
            call = f"{address}.{name}({options})"
            yield call, _answer(getattr(service, name), options)


def _calls(method: Any, known: Mapping[str, list[Any]]) -> Iterator[dict[str, Any]]:
    parameters = [p for p in inspect.signature(method).parameters.values() if p.name != "self"]
    plain = [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    required = [p.name for p in plain if p.default is p.empty]
    if any(name not in known for name in required):
        return
    combined = itertools.product(*(known[name] for name in required))
    calls = [dict(zip(required, values, strict=True)) for values in combined]
    yield from calls[:MAX_CALLS]
    for p in plain:
        if p.default is not p.empty and p.name in known and calls:
            yield {**calls[0], p.name: known[p.name][0]}


def _answer(method: Any, options: Mapping[str, Any]) -> Any:
    try:
        answer = method(**options)
        return list(answer) if inspect.isgenerator(answer) else answer
    except _Writes:
        return _Writes
    except PilothouseError as refused:
        return (type(refused).__name__, refused.message, refused.hint)
    except (TypeError, ValueError, KeyError, AttributeError) as unfit:  # of another kind
        return (type(unfit).__name__, str(unfit))


def _plain(value: Any, folder: str, depth: int = 0) -> Any:
    """A value as plain lists and texts, equal when what a reader sees is equal."""
    if isinstance(value, str | Path):
        return str(value).replace(folder, "<folder>")
    if value is None or isinstance(value, bool | int | bytes | datetime):
        return value
    if isinstance(value, float | np.generic):
        return repr(value)
    if depth > 12:
        return type(value).__name__
    deeper = depth + 1
    if isinstance(value, pd.DataFrame | pd.Series):
        frame = value.to_frame() if isinstance(value, pd.Series) else value
        kinds = [f"{name}: {kind}" for name, kind in frame.dtypes.items()]
        cells = frame.astype(object).to_numpy().tolist()
        return [kinds, _plain(frame.index.tolist(), folder, deeper), _plain(cells, folder, deeper)]
    if isinstance(value, np.ndarray):
        return _plain(value.tolist(), folder, deeper)
    if isinstance(value, Mapping):
        return [[_plain(k, folder, deeper), _plain(v, folder, deeper)] for k, v in value.items()]
    if isinstance(value, list | tuple):
        return [_plain(item, folder, deeper) for item in value]
    if isinstance(value, set | frozenset):
        return sorted(str(_plain(item, folder, deeper)) for item in value)
    if isinstance(value, Enum) or callable(value):
        return getattr(value, "__qualname__", str(value))
    if is_dataclass(value):
        return [
            type(value).__name__,
            *(_plain(getattr(value, f.name), folder, deeper) for f in fields(value)),
        ]
    own = vars(value) if hasattr(value, "__dict__") else repr(value)
    return [type(value).__name__, _plain(own, folder, deeper) if isinstance(own, dict) else own]
