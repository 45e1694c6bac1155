"""Answers for a Feast repository: what it holds, features at times, materialization, lookups.

It is run in the folder of the repository by the interpreter that has Feast, and reads frames from
its standard input until that ends.
"""

from __future__ import annotations

import importlib
import os
from datetime import datetime
from typing import Any

answering: Any = importlib.import_module("answering")  # beside this file
Refused = answering.QuestionRefused
TIME, ROW, DUMMY = "event_timestamp", "__row", "__dummy"


def open_store() -> tuple[Any, str]:
    """The repository of this folder, and the version of Feast."""
    feast = importlib.import_module("feast")
    return feast.FeatureStore(repo_path="."), str(getattr(feast, "__version__", ""))


def catalog(store: Any) -> dict[str, Any]:
    """Everything that is applied in the repository."""
    entities = [entity_facts(entity) for entity in store.list_entities() if entity.name != DUMMY]
    keys = {entity["name"]: entity["keys"] for entity in entities}
    views = [view_facts(view, keys) for view in every_view(store)]
    sources = [source_facts(store, source) for source in store.list_data_sources()]
    services = [
        {"name": service.name, "features": service_references(service),
         "description": text_of(service, "description")}
        for service in store.list_feature_services()
    ]  # fmt: skip
    return {
        "project": str(store.project),
        "entities": entities,
        "views": views,
        "sources": sources,
        "services": services,
    }


def every_view(store: Any) -> list[Any]:
    """The views of every kind that this version of Feast has."""
    if hasattr(store, "list_all_feature_views"):
        return list(store.list_all_feature_views())
    kinds = ("list_feature_views", "list_stream_feature_views", "list_on_demand_feature_views")
    return [view for kind in kinds if hasattr(store, kind) for view in getattr(store, kind)()]


def entity_facts(entity: Any) -> dict[str, Any]:
    """Name, key column and type of an entity."""
    keys = getattr(entity, "join_keys", None) or [entity.join_key]
    kind = getattr(getattr(entity, "value_type", None), "name", "")
    return {"name": entity.name, "keys": list(keys), "type": kind.lower(),
            "description": text_of(entity, "description")}  # fmt: skip


def view_facts(view: Any, keys: dict[str, list[str]]) -> dict[str, Any]:
    """A view with its features, its keys, and until when it is materialized."""
    requests = getattr(view, "source_request_sources", None)
    names = [name for name in getattr(view, "entities", None) or [] if name != DUMMY]
    columns = {column.name: str(column.dtype) for column in getattr(view, "entity_columns", [])}
    join_keys = [key for name in names for key in keys.get(name, [])]
    until = getattr(view, "most_recent_end_time", None)
    return {
        "name": view.name,
        "kind": type(view).__name__,
        "description": text_of(view, "description"),
        "entities": names,
        "keys": {key: columns.get(key, "") for key in join_keys or columns if key != "__dummy_id"},
        "features": [
            {"name": feature.name, "type": str(feature.dtype)} for feature in view.features
        ],
        "request": [
            {"name": field.name, "type": str(field.dtype)}
            for source in (requests or {}).values()
            for field in source.schema
        ],
        "uses": [p.name for p in (getattr(view, "source_feature_view_projections", {})).values()],
        "source": text_of(getattr(view, "batch_source", None), "name"),
        "ttl_seconds": answering.seconds_of(getattr(view, "ttl", None)),
        "online": bool(getattr(view, "online", False)) and requests is None,
        "materialized_until": answering.instant_text(until),
    }


def source_facts(store: Any, source: Any) -> dict[str, Any]:
    """A source, and the newest time in it where it is a file."""
    location = next(
        (text_of(source, name) for name in ("path", "table", "query") if text_of(source, name)), ""
    )
    timestamp = text_of(source, "timestamp_field")
    is_file = type(source).__name__ == "FileSource" and bool(location and timestamp)
    return {
        "name": source.name,
        "kind": type(source).__name__,
        "location": location,
        "timestamp": timestamp,
        "newest": newest_in(os.path.join(str(store.repo_path), location), timestamp)
        if is_file and "://" not in location
        else None,
    }


def newest_in(path: str, column: str) -> str | None:
    """The newest time of a column of Parquet files; None where it cannot be read."""
    compute, dataset = (importlib.import_module(f"pyarrow.{n}") for n in ("compute", "dataset"))
    newest = None
    try:
        rows = dataset.dataset(path, format="parquet")
        for batch in rows.to_batches(columns=[column]):
            value = compute.max(batch.column(0)).as_py() if batch.num_rows else None
            newest = value if newest is None or (value and value > newest) else newest
    except (OSError, ValueError, KeyError):
        return None
    text: str | None = answering.instant_text(newest)
    return text


def service_references(service: Any) -> list[str]:
    """The features of a service as view:feature."""
    return [
        f"{view.name_to_use()}:{feature.name}"
        for view in service.feature_view_projections
        for feature in view.features
    ]


def historical(
    store: Any,
    rows: str,
    out: str,
    time: str,
    features: list[str],
    service: str = "",
    full_names: bool = False,
) -> dict[str, Any]:
    """Add to each row the features that held at its time; the rows keep their order."""
    pandas = importlib.import_module("pandas")
    frame = pandas.read_parquet(rows)
    check_columns(store, list(frame.columns), time, features, service, full_names)
    frame = frame.rename(columns={time: TIME})
    frame[TIME] = pandas.to_datetime(frame[TIME], utc=True).astype("datetime64[ns, UTC]")
    columns = list(frame.columns)
    frame[ROW] = range(len(frame))
    result = store.get_historical_features(
        entity_df=frame,
        features=requested(store, features, service),
        full_feature_names=full_names,
    ).to_df()
    left_out = frame[~frame[ROW].isin(result[ROW])]
    if len(left_out):
        references = service_references(requested(store, [], service)) if service else features
        result = pandas.concat([result, view_by_view(store, left_out, references, full_names)])
    result = result.sort_values(ROW, kind="stable").reset_index(drop=True)
    if len(result) != len(frame):
        raise Refused(f"Feast gave {len(result)} rows for {len(frame)}")
    added = [name for name in result.columns if name not in columns and name != ROW]
    for name in added:
        result[name] = flat(result[name])
    result = result[[*columns, *added]].rename(columns={TIME: time})
    result.to_parquet(out, index=False)
    return {"rows": len(result), "features": added}


def view_by_view(store: Any, rows: Any, references: list[str], full_names: bool) -> Any:
    """The features of rows that Feast has left out; what is not known stays missing.

    Feast's store of files drops a row for which a view has values of later or too old times only,
    with what the other views know of it.
    """
    columns = list(rows.columns)
    names: dict[str, list[str]] = {}
    for reference in references:
        names.setdefault(reference.partition(":")[0], []).append(reference)
    for view, of_view in names.items():
        part = store.get_historical_features(
            entity_df=rows[columns],
            features=of_view,
            full_feature_names=full_names,
        ).to_df()
        features = [reference.partition(":")[2] for reference in of_view]
        added = [f"{view}__{name}" if full_names else name for name in features]
        rows = rows.merge(part[[ROW, *added]], on=ROW, how="left")
    return rows


def flat(column: Any) -> Any:
    """A column whose lists and maps are JSON: a table of plain values has none."""
    if column.dtype != object:
        return column
    return column.map(lambda value: answering.plain(value))


def check_columns(
    store: Any, columns: list[str], time: str, features: list[str], service: str, full: bool
) -> None:
    """Raise QuestionRefused for rows that lack a key or have a column of a feature's name."""
    if time not in columns:
        raise Refused(f"the rows have no column {time!r}")
    if time != TIME and TIME in columns:
        raise Refused(f"the rows have a column {TIME!r} beside their time {time!r}")
    references = (
        service_references(store.get_feature_service(service)) if service else list(features)
    )
    views = {view["name"]: view for view in catalog(store)["views"]}
    for reference in references:
        view, _, name = reference.partition(":")
        facts = views.get(view.partition("@")[0])
        if facts is None or name not in {feature["name"] for feature in facts["features"]}:
            raise Refused(f"the repository has no feature {reference}")
        needed = [*facts["keys"], *(field["name"] for field in facts["request"])]
        for used in facts["uses"]:
            needed += list(views.get(used, {"keys": {}})["keys"])
        for key in needed:
            if key not in columns:
                raise Refused(f"the rows have no column {key!r}, which {view} needs")
        answered = f"{view}__{name}" if full else name
        if answered in columns:
            raise Refused(f"the rows have a column {answered!r} already")


def requested(store: Any, features: list[str], service: str) -> Any:
    """What Feast is asked for: its service, or names of features."""
    return store.get_feature_service(service) if service else list(features)


def online(
    store: Any,
    keys: dict[str, list[Any]],
    features: list[str],
    service: str = "",
    full_names: bool = False,
) -> dict[str, Any]:
    """The newest features of each entity, and the time that they are of, in ms; 0 is none."""
    count = len(next(iter(keys.values()), []))
    rows = [{name: values[row] for name, values in keys.items()} for row in range(count)]
    response = store.get_online_features(
        features=requested(store, features, service),
        entity_rows=rows,
        full_feature_names=full_names,
    )
    values = response.to_dict(include_event_timestamps=True)
    times = {name[:-4]: column for name, column in values.items() if name.endswith("__ts")}
    columns = {
        name: [answering.plain(value) for value in column]
        for name, column in values.items()
        if name not in keys and not name.endswith("__ts")
    }
    return {
        "columns": columns,
        "times_ms": {
            name: [int(at or 0) * 1000 for at in times[name]] for name in columns if name in times
        },
    }


def materialize(
    store: Any, end: str, start: str | None = None, views: list[str] | None = None
) -> dict[str, Any]:
    """Bring the newest values up to `end` into the online store; which views, until when."""
    until = datetime.fromisoformat(end)
    if start:
        store.materialize(datetime.fromisoformat(start), until, feature_views=views or None)
    else:
        store.materialize_incremental(until, feature_views=views or None)
    facts = catalog(store)
    return {
        "views": {
            view["name"]: view["materialized_until"]
            for view in facts["views"]
            if view["online"] and (not views or view["name"] in views)
        }
    }


def text_of(thing: Any, name: str) -> str:
    """An attribute as text, empty when it is not there."""
    value = getattr(thing, name, "")
    return value if isinstance(value, str) else ""


if __name__ == "__main__":
    answering.serve(open_store, (catalog, historical, online, materialize))
