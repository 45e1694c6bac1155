"""Answers for feature views of Hopsworks: what they hold, features at times, lookups.

It is run by an interpreter that has `hopsworks[python]`, and reads frames from its standard input
until that ends. The API key is in a variable. A feature view is a view and a service here.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

answering: Any = importlib.import_module("answering")  # beside this file
Refused = answering.QuestionRefused
ROW, AT = "__row", "__event_at"


def open_store() -> tuple[Any, str]:
    """The feature views that the arguments name, by their names here, and the version."""
    host, port, project, variable, *names = sys.argv[1:]
    hopsworks = importlib.import_module("hopsworks")
    key = os.environ.get(variable)
    if not key:
        raise Refused(f"the variable {variable} has no API key")
    opened = hopsworks.login(host=host, port=int(port), project=project, api_key_value=key)
    store = opened.get_feature_store()
    views = {}
    for text in names:
        name, _, version = text.partition(":")
        views[text.replace(":", "_v")] = store.get_feature_view(
            name=name, version=int(version or 1)
        )
    return views, str(getattr(hopsworks, "__version__", ""))


def catalog(views: dict[str, Any]) -> dict[str, Any]:
    """The feature views, each with its features, and each as a service of all of them."""
    facts = [view_facts(name, view) for name, view in views.items()]
    keys = {key: None for fact in facts for key in fact["keys"]}
    services = [
        {"name": fact["name"], "description": fact["description"],
         "features": [f"{fact['name']}:{feature['name']}" for feature in fact["features"]]}
        for fact in facts
    ]  # fmt: skip
    return {
        "project": next((str(v.feature_store_name) for v in views.values()), ""),
        "entities": [{"name": k, "keys": [k], "type": "", "description": ""} for k in keys],
        "views": facts,
        "sources": [],
        "services": services,
    }


def view_facts(name: str, view: Any) -> dict[str, Any]:
    """A view with its features and serving keys, without its labels."""
    keys = sorted(view.primary_keys)
    return {
        "name": name,
        "kind": type(view).__name__,
        "description": view.description or "",
        "entities": keys,
        "keys": dict.fromkeys(keys, ""),
        "features": [
            {"name": feature.name, "type": str(feature.type)}
            for feature in view.features
            if not feature.label and feature.name not in keys
        ],
        "request": [],
        "uses": [],
        "source": "",
        "ttl_seconds": None,
        "online": False,  # rows are online as soon as they are inserted
        "materialized_until": None,
    }


def chosen_view(
    views: dict[str, Any], features: list[str], service: str
) -> tuple[str, Any, list[str]]:
    """The view of a question, and which of its features. Raises QuestionRefused."""
    names = {service} if service else {reference.partition(":")[0] for reference in features}
    if len(names) != 1 or not names <= set(views):
        raise Refused(f"features of one of {', '.join(views)} are answered at once")
    name = names.pop()
    of_view = [feature["name"] for feature in view_facts(name, views[name])["features"]]
    chosen = of_view if service else [reference.partition(":")[2] for reference in features]
    if unknown := [feature for feature in chosen if feature not in of_view]:
        raise Refused(f"{name} has no feature {', '.join(unknown)}")
    return name, views[name], chosen


def historical(
    views: dict[str, Any],
    rows: str,
    out: str,
    time: str,
    features: list[str],
    service: str = "",
    full_names: bool = False,
) -> dict[str, Any]:
    """Add to each row the newest row of its keys in the view at or before its time.

    Hopsworks joins rows of a caller with Spark only; so the view's rows up to the last time are
    read, which Hopsworks has joined as of their own times, and are joined here.
    """
    pandas = importlib.import_module("pandas")
    name, view, chosen = chosen_view(views, features, service)
    frame = pandas.read_parquet(rows)
    keys = sorted(view.primary_keys)
    for column in (time, *keys):
        if column not in frame.columns:
            raise Refused(f"the rows have no column {column!r}")
    named = {feature: f"{name}__{feature}" if full_names else feature for feature in chosen}
    if taken := [own for own in named.values() if own in frame.columns]:
        raise Refused(f"the rows have a column {taken[0]!r} already")
    entities = frame[keys].assign(**{ROW: range(len(frame)), AT: times(frame[time])})
    held = view.get_batch_data(
        end_time=entities[AT].max().to_pydatetime() + pandas.Timedelta(milliseconds=1),
        primary_key=True,
        event_time=True,
        dataframe_type="pandas",
        transformed=False,
    )
    held = held.assign(**{AT: times(held[event_column(held, chosen, keys)])})
    held = held.astype({key: entities[key].dtype for key in keys})  # of one type to be joined by
    joined = pandas.merge_asof(
        entities.sort_values(AT), held[[*keys, AT, *chosen]].sort_values(AT), on=AT, by=keys
    ).sort_values(ROW)
    result = frame.reset_index(drop=True)
    for feature, own in named.items():
        column = joined[feature].reset_index(drop=True)
        result[own] = column.map(answering.plain) if column.dtype == object else column
    result.to_parquet(out, index=False)
    return {"rows": len(result), "features": list(named.values())}


def times(column: Any) -> Any:
    """Times in UTC, all of one unit so that they can be joined."""
    pandas = importlib.import_module("pandas")
    return pandas.to_datetime(column, utc=True).astype("datetime64[ns, UTC]")


def event_column(held: Any, features: list[str], keys: list[str]) -> str:
    """The column of the event time: the only one of times that is no feature and no key."""
    pandas = importlib.import_module("pandas")
    is_time = pandas.api.types.is_datetime64_any_dtype
    columns = [c for c in held.columns if c not in (*features, *keys) and is_time(held[c].dtype)]
    if not columns:
        raise Refused("the view has no event time: its features cannot be joined as of a time")
    return str(columns[0])


def online(
    views: dict[str, Any],
    keys: dict[str, list[Any]],
    features: list[str],
    service: str = "",
    full_names: bool = False,
) -> dict[str, Any]:
    """The newest features of each entity; Hopsworks says no times of them."""
    name, view, chosen = chosen_view(views, features, service)
    count = len(next(iter(keys.values()), []))
    entries = [{key: values[row] for key, values in keys.items()} for row in range(count)]
    frame = view.get_feature_vectors(
        serving_keys=entries, return_type="pandas", allow_missing=True, transform=False
    )
    if len(frame) != count:
        raise Refused(f"Hopsworks gave {len(frame)} rows for {count}")
    columns = {
        f"{name}__{feature}" if full_names else feature: [
            answering.plain(value) for value in frame[feature]
        ]
        for feature in chosen
    }
    return {"columns": columns, "times_ms": {}}


def materialize(store: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Raise QuestionRefused: rows are online as soon as they are inserted."""
    raise Refused(f"{', '.join(store)}: Hopsworks brings rows online as they are inserted")


if __name__ == "__main__":
    answering.serve(open_store, (catalog, historical, online, materialize))
