"""What a feature store holds: views with their freshness, services, entities, sources."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.formats import DASH, count, duration, title
from pilothouse_app.components.header import section
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.table import (
    name_column,
    number_column,
    table,
    text_column,
    when_column,
)
from pilothouse_app.components.table_height import limited_height
from pilothouse_app.components.workspace import workspace

if TYPE_CHECKING:
    from pilothouse.features import FeatureStoreInfo
    from pilothouse.features.store_info import FeatureView

MAX_ROWS = 9
KINDS = {"OnDemandFeatureView": "On demand", "StreamFeatureView": "Stream", "LabelView": "Labels"}


def views_view(info: FeatureStoreInfo) -> None:
    """Every view with its freshness, and the features of the one that is ticked."""
    views = info.catalog.views
    if not views:
        empty("No views", "Nothing is applied in this store yet.", key="no_views")
        return
    newest = {source.name: source.newest for source in info.catalog.sources}
    rows = pd.DataFrame(
        {
            "id": [view.name for view in views],
            "kind": [KINDS.get(view.kind, "Batch") for view in views],
            "keys": [", ".join(view.keys) or DASH for view in views],
            "features": [len(view.features) for view in views],
            "source": [view.source or ", ".join(view.uses) or DASH for view in views],
            "ttl": [duration(view.ttl_seconds) for view in views],
            "newest": _instants([newest.get(view.source) for view in views]),
            "until": _instants([view.materialized_until for view in views]),
        }
    )
    left, right = st.columns([72, 28], gap="medium")
    with left:
        chosen = table(
            rows,
            {
                "id": text_column("View", width=185),
                "kind": text_column("Kind", width=84),
                "until": when_column("Online until", width=104),
                "newest": when_column("Newest in source", width=120),
                "ttl": text_column("Valid for", width=84),
                "keys": text_column("Keys", width=84),
                "features": number_column("Features", 0, width=72),
                "source": text_column("Source", width=190),
            },
            key=f"views_{info.name}",
            alt="Views of the feature store",
            select="one",
            height=limited_height(len(rows), MAX_ROWS),
        )
    by_name = {view.name: view for view in views}
    name = chosen[0] if chosen and chosen[0] in by_name else views[0].name
    with right:
        _features(by_name[name])


def _features(view: FeatureView) -> None:
    section(f"Features of {literal(view.name)}", count(len(view.features)))
    if view.description:
        st.markdown(f":gray[{literal(view.description)}]")
    rows = pd.DataFrame({"id": list(view.features), "type": list(view.features.values())})
    table(
        rows,
        {"id": text_column("Feature", width=170), "type": text_column("Type", width=110)},
        key=f"features_{view.name}",
        alt="Features of the view",
        height=limited_height(len(rows), MAX_ROWS),
    )
    if view.request:
        st.markdown(f":small[:gray[A request brings {literal(', '.join(view.request))}]]")


def services_view(info: FeatureStoreInfo) -> None:
    """Every service with its features."""
    services = info.catalog.services
    if not services:
        empty("No services", "A service groups features for one model.", key="no_services")
        return
    rows = pd.DataFrame(
        {
            "id": list(services),
            "count": [len(references) for references in services.values()],
            "features": [", ".join(references) for references in services.values()],
        }
    )
    look = {
        "id": text_column("Service", width=190),
        "count": number_column("Features", 0, width=72),
        "features": text_column("Which", width=700),
    }
    table(rows, look, key=f"services_{info.name}", alt="Services of the feature store")


def entities_view(info: FeatureStoreInfo) -> None:
    """Every entity with its keys and what describes it."""
    entities = info.catalog.entities
    if not entities:
        empty("No entities", "Nothing is applied in this store yet.", key="no_entities")
        return
    types = {key: kind for view in info.catalog.views for key, kind in view.keys.items()}
    rows = pd.DataFrame(
        {
            "id": [entity["name"] for entity in entities],
            "keys": [", ".join(entity["keys"]) for entity in entities],
            "type": [", ".join(types.get(key, DASH) for key in entity["keys"])
                     for entity in entities],
            "views": [", ".join(view.name for view in info.catalog.views
                                if entity["name"] in view.entities) for entity in entities],
            "description": [entity["description"] for entity in entities],
        }
    )  # fmt: skip
    look = {"id": text_column("Entity", width=150), "keys": text_column("Keys", width=130),
            "type": text_column("Type", width=90), "views": text_column("Views", width=380),
            "description": text_column("Description", width=260)}  # fmt: skip
    table(rows, look, key=f"entities_{info.name}", alt="Entities of the feature store")


def sources_view(info: FeatureStoreInfo) -> None:
    """Every source with the newest time in it."""
    sources = info.catalog.sources
    if not sources:
        empty("No sources", "Nothing is applied in this store yet.", key="no_sources")
        return
    rows = pd.DataFrame(
        {
            "id": [source.name for source in sources],
            "kind": [title(source.kind.removesuffix("Source").lower()) for source in sources],
            "location": [source.location or DASH for source in sources],
            "timestamp": [source.timestamp or DASH for source in sources],
            "newest": _instants([source.newest for source in sources]),
        }
    )
    look = {"id": text_column("Source", width=220), "kind": text_column("Kind", width=90),
            "location": text_column("Where", width=330),
            "timestamp": text_column("Time", width=140),
            "newest": when_column("Newest", width=120)}  # fmt: skip
    table(rows, look, key=f"sources_{info.name}", alt="Sources of the feature store")


def training_sets_view(info: FeatureStoreInfo) -> None:
    """The datasets that were made of the store's features."""
    made = workspace().data.datasets_from("feature_store", store=info.name)
    datasets = workspace().data.datasets(archived=True).set_index("name")
    made = [source for source in made if source.dataset in datasets.index]
    if not made:
        empty("No training sets", "Rows of a dataset get the features of their times.",
              key="no_training_sets")  # fmt: skip
        return
    names = [source.dataset for source in made]
    rows = pd.DataFrame(
        {
            "id": list(datasets.loc[names, "ref"]),
            "rows": list(datasets.loc[names, "rows"]),
            "entities": [str(source.settings["entities"]) for source in made],
            "features": [_what(source.settings) for source in made],
            "created_at": list(datasets.loc[names, "created_at"]),
        }
    )
    look = {"id": name_column("Dataset", width=210), "rows": number_column("Rows", 0, width=90),
            "entities": text_column("Rows of", width=160),
            "features": text_column("Features", width=380),
            "created_at": when_column("Newest version", width=120)}  # fmt: skip
    table(rows, look, key=f"training_sets_{info.name}", alt="Training sets of the feature store",
          opens=("dataset", "id"))  # fmt: skip


def _what(settings: Mapping[str, object]) -> str:
    if settings.get("service"):
        return f"service {settings['service']}"
    features = settings.get("features")
    return ", ".join(map(str, features)) if isinstance(features, list) else ""


def _instants(values: Sequence[datetime | None]) -> pd.Series[pd.Timestamp]:
    return pd.to_datetime(pd.Series(list(values), dtype=object), utc=True)


STORE_VIEWS: Mapping[str, Callable[[FeatureStoreInfo], None]] = {
    "views": views_view,
    "services": services_view,
    "entities": entities_view,
    "sources": sources_view,
    "training_sets": training_sets_view,
}
