"""One feature store: what it holds and how fresh it is, and what was made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.filters import filter_bar, switch
from pilothouse_app.components.formats import ago, count, title
from pilothouse_app.components.header import facts, header
from pilothouse_app.components.links import query_param, screen
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.screen import Screen
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.feature_stores.catalog_tables import STORE_VIEWS
from pilothouse_app.features.feature_stores.store_commands import store_commands
from pilothouse_app.features.feature_stores.training_set import training_set_button

if TYPE_CHECKING:
    from pilothouse.features import FeatureStoreInfo

SCREEN = Screen(
    title="Feature store",
    path="feature-store",
    icon=":material/dataset_linked:",
    summary="One feature store with its views and their freshness",
    parent="features",
)


def render() -> None:
    """The store that the address names."""
    name, back = query_param("name"), ("Features", screen("features"))
    if not name:
        with header("Feature store", back=back):
            pass
        empty("Which feature store?", "The address names none.", to=("Open features", back[1]))
        return
    info = workspace().features.store(name)
    with header(info.name, back=back):
        store_commands(info)
        training_set_button(info)
    _facts(info)
    with filter_bar():
        view = switch("store_view", tuple(STORE_VIEWS), "Show", format_func=title)
    STORE_VIEWS[view](info)


def _facts(info: FeatureStoreInfo) -> None:
    facts(
        {
            "Kind": literal(f"{info.title} {info.library}".strip()),
            "Where": literal(info.place),
            "Interpreter": literal(info.python or "Pilothouse's own"),
            "Features": count(len(info.catalog.references)),
            "Looked up for": literal(", ".join(workspace().deployments.using_store(info.name))),
            "Read": ago(info.read_at),
            "Added by": literal(info.created_by),
        }
    )
