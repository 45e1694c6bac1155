"""Answers for a workspace of Tecton: what it holds, features at times, lookups.

It is run by an interpreter that has Tecton's package (Python 3.9), and reads frames from its
standard input until that ends. The key of the service account is in a variable.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

answering: Any = importlib.import_module("answering")  # beside this file
Refused = answering.QuestionRefused
ROW = "__row"


def open_store() -> tuple[Any, str]:
    """The workspace that the arguments name, and the version of Tecton."""
    url, workspace, variable = sys.argv[1:4]
    tecton = importlib.import_module("tecton")
    key = os.environ.get(variable)
    if not key:
        raise Refused(f"the variable {variable} has no key of a service account")
    tecton.login(tecton_url=url, interactive=False, tecton_api_key=key)
    return tecton.get_workspace(workspace), str(getattr(tecton, "__version__", ""))


def catalog(workspace: Any) -> dict[str, Any]:
    """Everything that is applied in the workspace."""
    views = [workspace.get_feature_view(name) for name in workspace.list_feature_views()]
    services = [workspace.get_feature_service(name) for name in workspace.list_feature_services()]
    entities = [workspace.get_entity(name) for name in workspace.list_entities()]
    return {
        "project": str(workspace.workspace),
        "entities": [
            {"name": entity.name, "keys": list(entity.join_keys), "type": "",
             "description": entity.description or ""}
            for entity in entities
        ],
        "views": [view_facts(view) for view in views],
        "sources": [],
        "services": [
            {"name": service.name, "features": references(service),
             "description": service.description or ""}
            for service in services
        ],
    }  # fmt: skip


def view_facts(view: Any) -> dict[str, Any]:
    """A view with its features and keys; of a realtime view the keys are those of its sources."""
    return {
        "name": view.name,
        "kind": type(view).__name__,
        "description": view.description or "",
        "entities": [],
        "keys": dict.fromkeys(view.join_keys, ""),
        "features": [
            {"name": feature.name, "type": str(feature.dtype)} for feature in view.feature_metadata
        ],
        "request": [],
        "uses": [],
        "source": "",
        "ttl_seconds": answering.seconds_of(getattr(view, "ttl", None)),
        "online": False,  # its own schedules materialize
        "materialized_until": None,
    }


def references(service: Any) -> list[str]:
    """The features of a service as view:feature."""
    columns = [column.replace("__", ".", 1) for column in service.get_feature_columns()]
    return [column.replace(".", ":", 1) for column in columns]


def service_of(workspace: Any, service: str) -> Any:
    """The service of a question. Raises QuestionRefused without one."""
    if not service:
        raise Refused("Tecton answers by feature services: name one in the place of features")
    return workspace.get_feature_service(service)


def historical(
    workspace: Any,
    rows: str,
    out: str,
    time: str,
    features: list[str],
    service: str = "",
    full_names: bool = False,
) -> dict[str, Any]:
    """Add to each row the features that held at its time; the rows keep their order."""
    del features
    pandas = importlib.import_module("pandas")
    chosen = service_of(workspace, service)
    frame = pandas.read_parquet(rows)
    if time not in frame.columns:
        raise Refused(f"the rows have no column {time!r}")
    events = frame.assign(**{ROW: range(len(frame))})
    answered = chosen.get_features_for_events(events=events, timestamp_key=time).to_pandas()
    if len(answered) != len(frame):
        raise Refused(f"Tecton gave {len(answered)} rows for {len(frame)}")
    answered = answered.sort_values(ROW, kind="stable").reset_index(drop=True)
    added = [name for name in answered.columns if name not in events.columns]
    result = frame.reset_index(drop=True)
    for name in added:
        own = name if full_names else name.partition("__")[2]
        if own in frame.columns:
            raise Refused(f"the rows have a column {own!r} already")
        column = answered[name]
        result[own] = column.map(answering.plain) if column.dtype == object else column
    result.to_parquet(out, index=False)
    return {"rows": len(result), "features": [n for n in result.columns if n not in frame.columns]}


def online(
    workspace: Any,
    keys: dict[str, list[Any]],
    features: list[str],
    service: str = "",
    full_names: bool = False,
) -> dict[str, Any]:
    """The newest features of each entity, with their effective times in ms; 0 is none.

    Tecton answers one entity a request. What is no join key of the service's views is data of the
    request.
    """
    del features
    chosen = service_of(workspace, service)
    joins = {key for view in chosen.feature_views for key in view.join_keys}
    count = len(next(iter(keys.values()), []))
    columns: dict[str, list[Any]] = {}
    times: dict[str, list[int]] = {}
    for row in range(count):
        join = {name: values[row] for name, values in keys.items() if name in joins}
        data = {name: values[row] for name, values in keys.items() if name not in joins}
        vector = chosen.get_online_features(join_keys=join, request_data=data)
        for name, value in vector.to_dict(return_effective_times=True).items():
            view, _, feature = name.partition(".")
            own = f"{view}__{feature}" if full_names else feature or view
            at = value["effective_time"]
            columns.setdefault(own, [None] * row).append(answering.plain(value["value"]))
            times.setdefault(own, [0] * row).append(int(at.timestamp() * 1000) if at else 0)
    return {"columns": columns, "times_ms": times}


def materialize(workspace: Any, **_: Any) -> dict[str, Any]:
    """Raise QuestionRefused: its own schedules materialize."""
    raise Refused(f"the schedules of {workspace.workspace} materialize: Tecton runs them itself")


if __name__ == "__main__":
    answering.serve(open_store, (catalog, historical, online, materialize))
