"""The lineage of an object in both directions: data, runs, versions, deployments, windows."""

from __future__ import annotations

from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.header import header
from pilothouse_app.components.links import address, query_param, screen
from pilothouse_app.components.screen import Screen
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.governance.lineage_graph import center_title, lineage_view

SCREEN = Screen(
    title="Lineage",
    path="lineage",
    icon=":material/account_tree:",
    summary="What an object was made of, and what was made of it",
    parent="history",
)


def render() -> None:
    """The object that the address names."""
    kind, ref = query_param("kind"), query_param("ref")
    if not kind or not ref:
        back = ("History", screen("history"))
        with header("Lineage", back=back):
            pass
        empty(
            "The lineage of what?",
            "Open it from a dataset version, a run, a model version or a deployment.",
            to=("Open the registry", screen("registry")),
        )
        return
    graph = workspace().governance.lineage(kind, ref)
    with header("Lineage", note=center_title(graph), back=(ref, address(kind, ref))):
        pass
    lineage_view(graph)
