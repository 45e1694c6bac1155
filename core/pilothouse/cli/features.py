"""`pilothouse features`: feature stores."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pilothouse.cli.command import Group, verb
from pilothouse.cli.options import FILE, NEW_FILE, PAIR, PluginName, scalar
from pilothouse.cli.output import Output, text_of
from pilothouse.data.source_api import SourceCommands
from pilothouse.deployments.api import Deployments
from pilothouse.features.api import Features
from pilothouse.features.store_info import FeatureRequest
from pilothouse.features.stores import feature_stores
from pilothouse.kit.errors import Invalid

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.features.store_info import FeatureStoreInfo
    from pilothouse.workspace import Workspace

Pairs = tuple[tuple[str, str], ...]

features = Group(
    "features",
    help="Feature stores: what they hold, training sets at times, materialization, lookups.\n\n"
    "The library of a store is another interpreter's: a path or an environment's id (--python).",
)
name_argument = click.argument("name")
python_option = click.option(
    "--python",
    default="",
    metavar="PATH",
    help="The interpreter with the store's library, or an environment's id  [default: this one].",
)
feature_option = click.option(
    "--feature", "features", multiple=True, metavar="VIEW:NAME", help="A feature; repeatable."
)
service_option = click.option("--service", default="", help="A feature service.")
full_option = click.option("--full-names", is_flag=True, help="Call features view__feature.")


@verb(features, Features.stores, name="list", example="pilothouse features list")
def _list(ws: Workspace) -> pd.DataFrame:
    return ws.features.stores()


@verb(
    features,
    Features.store,
    SourceCommands.datasets_from,
    Deployments.using_store,
    name="show",
    example="pilothouse features show drivers --json",
)
@name_argument
def _show(ws: Workspace, name: str) -> Output:
    described = _described(ws.features.store(name))
    made = [source.dataset for source in ws.data.datasets_from("feature_store", store=name)]
    used = ws.deployments.using_store(name)
    text = f"training sets: {', '.join(made) or 'none'}\ndeployments: {', '.join(used) or 'none'}"
    value = {**described.value, "datasets": made, "deployments": used}
    return Output(value, f"{described.text}\n{text}")


@verb(
    features,
    Features.add,
    writes=True,
    reason=True,
    make=True,
    example="pilothouse features add drivers --param repository=/srv/driver_repo "
    "--python /srv/feast/bin/python",
)
@name_argument
@click.option("--kind", type=PluginName(feature_stores), default="feast", show_default=True)
@click.option(
    "--param", "params", type=PAIR, multiple=True, help="A setting of the kind; repeatable."
)
@python_option
def _add(ws: Workspace, name: str, kind: str, params: Pairs, python: str, reason: str) -> Output:
    return _described(ws.features.add(name, dict(params), kind=kind, python=python, reason=reason))


@verb(features, Features.read, writes=True, example="pilothouse features read drivers")
@name_argument
def _read(ws: Workspace, name: str) -> Output:
    return _described(ws.features.read(name))


@verb(
    features,
    Features.use_python,
    name="use-python",
    writes=True,
    reason=True,
    example="pilothouse features use-python drivers /srv/feast/bin/python",
)
@name_argument
@click.argument("python")
def _use_python(ws: Workspace, name: str, python: str, reason: str) -> Output:
    return _described(ws.features.use_python(name, python, reason))


@verb(
    features,
    Features.remove,
    writes=True,
    reason=True,
    example="pilothouse features remove drivers",
)
@name_argument
def _remove(ws: Workspace, name: str, reason: str) -> Output:
    ws.features.remove(name, reason)
    return Output({"name": name}, f"{name} is removed; its repository is as it was")


@verb(
    features,
    Features.materialize,
    Features.submit_materialization,
    writes=True,
    example=(
        "pilothouse features materialize drivers",
        "pilothouse features materialize drivers --view driver_hourly_stats --hours 24",
    ),
)
@name_argument
@click.option("--view", "views", multiple=True, help="Only this view; repeatable.")
@click.option("--hours", type=click.FloatRange(0.01), default=None, help="All of the last hours.")
def _materialize(ws: Workspace, name: str, views: tuple[str, ...], hours: float | None) -> Output:
    """It runs here; a schedule runs the workflow materialize_features in the worker."""
    result = ws.features.materialize(name, views=views, hours=hours)
    lines = [
        f"{view}: {f'online until {until}' if until else 'not materialized'}"
        for view, until in result.items()
    ]
    return Output({"views": result}, "\n".join(lines) or "no view is online")


@verb(
    features,
    Features.online,
    name="online",
    example="pilothouse features online drivers --key driver_id=1001 --service driver_activity_v1",
)
@name_argument
@click.option("--key", "keys", type=PAIR, multiple=True, help="A key of one entity; repeatable.")
@feature_option
@service_option
@full_option
def _online(
    ws: Workspace,
    name: str,
    keys: Pairs,
    features: tuple[str, ...],
    service: str,
    full_names: bool,
) -> pd.DataFrame:
    values = {key: [scalar(text)] for key, text in keys}
    return ws.features.online(name, values, FeatureRequest(features, service, full_names))


@verb(
    features,
    Features.historical,
    name="historical",
    example="pilothouse features historical drivers trips.parquet --time event_timestamp "
    "--service driver_activity_v1 --output training.parquet",
)
@name_argument
@click.argument("rows", type=FILE)
@click.option("--time", required=True, help="The column with the time of each row.")
@feature_option
@service_option
@full_option
@click.option("--output", type=NEW_FILE, default=None, help="A Parquet file for the result.")
def _historical(
    ws: Workspace,
    name: str,
    rows: Path,
    time: str,
    features: tuple[str, ...],
    service: str,
    full_names: bool,
    output: Path | None,
) -> pd.DataFrame | Output:
    """ROWS is a Parquet file; `features train` registers a dataset version instead."""
    import pandas as pd

    ws.features.store(name)
    try:
        frame = pd.read_parquet(rows)
    except (OSError, ValueError) as broken:
        raise Invalid(f"{rows} cannot be read as Parquet: {broken}.") from broken
    request = FeatureRequest(features, service, full_names)
    result = ws.features.historical(name, frame, request, time=time)
    if output is None:
        return result
    result.to_parquet(output, index=False)
    return Output({"file": str(output), "rows": len(result)}, f"{output}: {len(result):,} rows")


@verb(
    features,
    Features.historical,
    name="train",
    writes=True,
    own_help=True,
    example="pilothouse features train drivers trips driver_training --service driver_activity_v1",
)
@name_argument
@click.argument("entities")
@click.argument("dataset")
@click.option("--time", default="", help="The column of the time  [default: the event time].")
@feature_option
@service_option
@full_option
def _train(
    ws: Workspace,
    name: str,
    entities: str,
    dataset: str,
    time: str,
    features: tuple[str, ...],
    service: str,
    full_names: bool,
) -> Output:
    """Register the rows of a dataset version with features at their times as DATASET.

    ENTITIES is the dataset with the keys and the time; `datasets refresh DATASET` reads its newest
    version again.
    """
    ws.features.store(name)
    settings: dict[str, Any] = {
        "store": name,
        "entities": entities,
        "time": time,
        "features": list(features),
        "service": service,
        "full_names": full_names,
    }
    version = ws.data.register_from(dataset, "feature_store", settings)
    value = {"ref": version.ref, "rows": version.rows, "existed": version.existed}
    return Output(value, f"{version.ref}: {version.rows:,} rows, made from {version.parent}")


def _described(info: FeatureStoreInfo) -> Output:
    catalog = info.catalog
    pairs = {"name": info.name, "place": info.place, "library": f"{info.title} {info.library}",
             "project": catalog.project, "read_at": info.read_at}  # fmt: skip
    lines = [text_of(pairs)]
    for view in catalog.views:
        until = view.materialized_until
        state = f"online until {until:%Y-%m-%d %H:%M}" if until else "not materialized"
        names = ", ".join(view.features)
        lines.append(f"{view.name} ({', '.join(view.keys) or 'no key'}; {state}): {names}")
    lines += [f"service {name}: {len(refs)} features" for name, refs in catalog.services.items()]
    return Output(asdict(info), "\n".join(lines))
