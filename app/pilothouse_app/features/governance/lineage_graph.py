"""The lineage of an object as a graph to click, and as a table whose rows open objects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from pilothouse.governance.lineage import MORE
from pilothouse.governance.lineage_links import KINDS
from pilothouse_app.charts.step_graph import GraphStep, graph_height, step_graph
from pilothouse_app.components.charting import dark, figure
from pilothouse_app.components.formats import plural, sentence
from pilothouse_app.components.header import section
from pilothouse_app.components.links import address, go_next, screen
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.table import name_column, table, text_column

if TYPE_CHECKING:
    from pilothouse.governance.lineage import Lineage
    from pilothouse.governance.lineage_links import LineageNode

# The colour of a box by the status of its object, as the graph of steps names them.
STATUSES: Mapping[str, str] = {
    "finished": "succeeded",
    "succeeded": "succeeded",
    "production": "succeeded",
    "ok": "succeeded",
    "running": "running",
    "staging": "running",
    "failed": "failed",
    "fail": "failed",
    "warn": "cancelled",
    "killed": "cancelled",
}
COLUMNS = {
    "title": name_column("Object", width=230),
    "kind": text_column("Kind", width=120),
    "note": text_column("What it is", width=180),
    "from": text_column("Made of", width=240),
    "to": text_column("Used by"),
}


def lineage_view(graph: Lineage) -> None:
    """The graph, what it leaves out, and the table."""
    names = _names(graph)
    edges = [(names[edge.source], names[edge.target]) for edge in graph.edges]
    steps = [
        GraphStep(names[node.id], node.note, STATUSES.get(node.status, "")) for node in graph.nodes
    ]
    figure(
        step_graph(steps, edges, chosen=names[graph.center], dark=dark()),
        key="lineage_graph",
        height=graph_height(steps, edges),
        alt="Objects, and what was made of what: "
        + "; ".join(f"{before} leads to {after}" for before, after in edges[:20]),
        clicked=lambda index: _follow(graph.nodes[index]),
    )
    notes = ["click a box to see its lineage"]
    if graph.loops:
        notes.append(f"{plural(len(graph.loops), 'edge')} that lead back are in the table only")
    if graph.is_cut:
        notes.append("there are more objects than a graph has room for")
    st.markdown(f":small[:gray[{sentence('; '.join(notes))}.]]")
    _objects(graph, names)


def _follow(node: LineageNode) -> None:
    """The lineage of an object; of those without room, the page of the object they belong to."""
    if node.kind == MORE:
        go_next(address(*node.page))
        return
    go_next(screen("lineage", kind=node.kind, ref=node.ref))


def _names(graph: Lineage) -> dict[str, str]:
    """A name of its own for each box: the same title has a number behind it."""
    counts: Counter[str] = Counter()
    names = {}
    for node in graph.nodes:
        counts[node.title] += 1
        again = counts[node.title]
        names[node.id] = node.title if again == 1 else f"{node.title} ({again})"
    return names


def _objects(graph: Lineage, names: Mapping[str, str]) -> None:
    before: dict[str, list[str]] = {node.id: [] for node in graph.nodes}
    after: dict[str, list[str]] = {node.id: [] for node in graph.nodes}
    for edge in (*graph.edges, *graph.loops):
        label = f" ({edge.label})" if edge.label else ""
        before[edge.target].append(names[edge.source] + label)
        after[edge.source].append(names[edge.target] + label)
    rows = [
        {
            "title": names[node.id],
            "kind": sentence(KINDS[node.kind].title),
            "note": node.note,
            "from": ", ".join(before[node.id]),
            "to": ", ".join(after[node.id]),
            "address": f"{node.kind}:{node.ref}",
        }
        for node in graph.nodes
        if node.kind != MORE
    ]
    section("Objects", plural(len(rows), "object"))
    table(
        pd.DataFrame(rows), COLUMNS, key="lineage_objects", alt="Objects of the lineage",
        ids="address", opens=("", "address"),
    )  # fmt: skip


def center_title(graph: Lineage) -> str:
    """What the lineage is of."""
    node = next(node for node in graph.nodes if node.id == graph.center)
    return literal(f"{KINDS[node.kind].title} {node.title}")
