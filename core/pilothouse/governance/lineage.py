"""Lineage: what an object was made of, and what was made of it, as a bounded graph.

From dataset versions over runs, versions and deployments to windows and retrainings, and back.
Neighbours are read per kind, so that a hub costs a few rows and a count.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlmodel import Session

from pilothouse.governance.lineage_links import (
    KINDS,
    LINKS,
    LineageNode,
    Link,
    Neighbours,
    find_node,
)
from pilothouse.kit.errors import Invalid

MAX_NEIGHBOURS = 4  # of one kind beside an object
MAX_NODES = 40
MORE = "more"


@dataclass(frozen=True)
class LineageEdge:
    """From what was used to what was made of it; `label` says how."""

    source: str
    target: str
    label: str


@dataclass(frozen=True)
class Lineage:
    """Objects around one object, each after what it was made of, and the edges between them.

    `loops` are edges that lead back, such as from a retraining to the version that it made: without
    them the graph has no cycle. `is_cut` says that a graph has no room for more objects.
    """

    center: str
    nodes: tuple[LineageNode, ...]
    edges: tuple[LineageEdge, ...]
    loops: tuple[LineageEdge, ...] = ()
    is_cut: bool = False


@dataclass
class LineageWalk:
    """A walk from one object, in one direction and then in the other."""

    session: Session
    links: Mapping[tuple[str, bool], Sequence[Link]] = field(default_factory=lambda: LINKS)
    nodes: dict[str, LineageNode] = field(default_factory=dict)
    edges: dict[tuple[str, str], LineageEdge] = field(default_factory=dict)
    loops: dict[tuple[str, str], LineageEdge] = field(default_factory=dict)
    is_cut: bool = False

    def follow(self, start: LineageNode, downstream: bool) -> None:
        """Everything before the start, or everything after it, nearest first."""
        waiting = deque([start])
        visited = {start.id}
        while waiting:
            node = waiting.popleft()
            for link in self.links.get((node.kind, downstream), ()):
                neighbours = link(self.session, node.ref, MAX_NEIGHBOURS)
                for reached in self._take(node, neighbours, downstream):
                    if reached.id not in visited:
                        visited.add(reached.id)
                        waiting.append(reached)

    def _take(
        self, node: LineageNode, neighbours: Neighbours, downstream: bool
    ) -> Iterable[LineageNode]:
        for reached, label in neighbours.nodes:
            if self._add(node, reached, label, downstream):
                yield reached
        if neighbours.more:
            kind = neighbours.kind
            rest = LineageNode(
                MORE, f"{node.id} {kind} {downstream}", f"{neighbours.more:,} more",
                KINDS[kind].plural, page=(node.kind, node.ref),
            )  # fmt: skip
            self._add(node, rest, "", downstream)

    def _add(self, node: LineageNode, reached: LineageNode, label: str, downstream: bool) -> bool:
        """Keep a neighbour and the edge to it; whether it is kept."""
        if reached.id not in self.nodes:
            if len(self.nodes) >= MAX_NODES:
                self.is_cut = True
                return False
            self.nodes[reached.id] = reached
        pair = (node.id, reached.id) if downstream else (reached.id, node.id)
        if pair in self.edges or pair in self.loops or pair[0] == pair[1]:
            return True
        edge = LineageEdge(*pair, label)
        (self.loops if self.reaches(pair[1], pair[0]) else self.edges)[pair] = edge
        return True

    def reaches(self, start: str, end: str) -> bool:
        """Whether edges lead from one node to another."""
        visited, waiting = {start}, [start]
        while waiting:
            current = waiting.pop()
            if current == end:
                return True
            following = [t for s, t in self.edges if s == current and t not in visited]
            visited.update(following)
            waiting += following
        return False


def lineage(session: Session, kind: str, ref: str) -> Lineage:
    """The lineage of a dataset version, a run, a version, a deployment, a window or a retraining.

    Raises Invalid for another kind, NotFound without the object.
    """
    if kind not in KINDS:
        raise Invalid(
            f"there is no lineage of a {kind!r}.",
            hint=f"It is of {', '.join(KINDS)}.",
            fields={"kind": "no such kind"},
        )
    start = find_node(session, kind, ref)
    walk = LineageWalk(session)
    walk.nodes[start.id] = start
    for downstream in (False, True):
        walk.follow(start, downstream)
    return Lineage(
        start.id,
        tuple(walk.nodes[one] for one in _in_order(walk.nodes, list(walk.edges))),
        tuple(walk.edges.values()),
        tuple(walk.loops.values()),
        walk.is_cut,
    )


def _in_order(names: Iterable[str], edges: Sequence[tuple[str, str]]) -> list[str]:
    """The names so that each comes after what leads to it; there is no cycle."""
    left = {name: sum(target == name for _, target in edges) for name in names}
    ready = deque(name for name, count in left.items() if not count)
    result = []
    while ready:
        name = ready.popleft()
        result.append(name)
        for source, target in edges:
            if source == name:
                left[target] -= 1
                if not left[target]:
                    ready.append(target)
    return result
