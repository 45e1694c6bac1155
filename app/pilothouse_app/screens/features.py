"""Features: every feature store with its freshness, and the way to add one."""

from __future__ import annotations

from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.formats import plural
from pilothouse_app.components.header import header
from pilothouse_app.components.screen import Screen
from pilothouse_app.components.table import (
    name_column,
    number_column,
    table,
    text_column,
    when_column,
)
from pilothouse_app.components.table_height import table_height
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.feature_stores.store_commands import add_store_button

SCREEN = Screen(
    title="Features",
    path="features",
    icon=":material/dataset_linked:",
    summary="Feature stores: what they hold, how fresh it is, and training sets made of it",
    section="Explore",
    order=12,
)


def render() -> None:
    """Draw the page."""
    stores = workspace().features.stores()
    with header("Features", note=plural(len(stores), "feature store")):
        add_store_button()
    if stores.empty:
        empty(
            "No feature stores yet",
            "Add a Feast repository of this machine, or a workspace of Tecton or Hopsworks: its "
            "features become training sets as of the time of each row.",
            icon=":material/dataset_linked:",
        )
        return
    with table_height("feature_stores", len(stores)) as height:
        table(
            stores,
            {
                "name": name_column("Feature store", width=170),
                "library": text_column("Kind", width=110),
                "place": text_column("Where", width=250),
                "newest": when_column("Newest in sources", width=134),
                "materialized_until": when_column("Online until", width=116),
                "views": number_column("Views", 0, width=64),
                "features": number_column("Features", 0, width=76),
                "read_at": when_column("Read", width=110),
            },
            key="feature_stores",
            ids="name",
            alt="Feature stores",
            opens=("feature_store", "name"),
            height=height,
        )
