"""Regular expressions that take no more than linear time, and mean the same on every database.

What people search with must not be able to stop a server. A pattern here is run as an automaton
that looks at each character of a text once; what cannot be run like that, back references and
looking around, is refused. `posix` is the same pattern for PostgreSQL.

    a  .  [a-z]  [^a-z]  \\d \\w \\s \\D \\W \\S  ^  $
    ab  a|b  (a)  (?:a)  a*  a+  a?  a{2,3}  (?i)

The letters `\\d`, `\\w` and `\\s` mean ASCII; `.` is any character; `^` and `$` are the ends of the
whole text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache

from pilothouse.kit.errors import Invalid
from pilothouse.kit.regex_parser import ANY, Chain, Chars, Choice, Edge, Node, Repeat, read

MAX_STATES = 500
KEPT = 20_000


@lru_cache(maxsize=64)
def pattern(text: str) -> Pattern:
    """The pattern of a text. Raises Invalid with the place of what it cannot be."""
    node, folds = read(text)
    return Pattern(text, node, folds=folds)


def matches(text: str, value: str | None) -> bool | None:
    """Whether the pattern of a text is found in a value; None when there is no value."""
    return None if value is None else pattern(text).is_in(str(value))


class _State(dict[str, "_State"]):
    """Where a pattern may stand in a text, and by which character it goes where."""

    __slots__ = ("ends", "found", "leave", "places")

    def __init__(
        self, places: frozenset[int], matched: bool, ends: bool, leave: Callable[..., _State]
    ) -> None:
        self.places, self.found, self.ends, self.leave = places, matched, ends, leave

    def __missing__(self, character: str) -> _State:
        self[character] = after = self.leave(self, character)
        return after


class Pattern:
    """A regular expression as an automaton, whose states are made when a text first needs them."""

    def __init__(self, text: str, node: Node, *, folds: bool) -> None:
        self.text, self._node, self._folds = text, node, folds
        self._free: list[list[int]] = []
        self._edges: list[tuple[str, int] | None] = []
        self._steps: list[tuple[Chars, int] | None] = []
        self._last = self._place()
        self._first = self._built(node, self._last)
        self._begin()

    @property
    def posix(self) -> str:
        """The pattern as PostgreSQL reads it."""
        return f"{'(?i)' if self._folds else ''}(?:{_posix(self._node)})"

    def is_in(self, text: str) -> bool:
        """Whether the pattern is found somewhere in a text."""
        state = self._start
        if state.found:
            return True
        for character in text:
            state = state[character]
            if state.found:
                return True
        return state.ends

    def _place(self) -> int:
        if len(self._free) > MAX_STATES:
            raise Invalid("the regular expression repeats too much to be searched with.")
        self._free.append([])
        self._edges.append(None)
        self._steps.append(None)
        return len(self._free) - 1

    def _built(self, node: Node, after: int) -> int:
        """Where to come from to reach `after` through the node."""
        if isinstance(node, Chain):
            for part in reversed(node.parts):
                after = self._built(part, after)
            return after
        if isinstance(node, Repeat):
            return self._repeated(node, after)
        position = self._place()
        if isinstance(node, Chars):
            self._steps[position] = node, after
        elif isinstance(node, Edge):
            self._edges[position] = node.sign, after
        else:
            self._free[position] += [self._built(part, after) for part in node.parts]
        return position

    def _repeated(self, node: Repeat, after: int) -> int:
        if node.high is None:
            again = self._place()
            self._free[again] += [after, self._built(node.part, again)]
            after = again
        else:
            for _ in range(node.high - node.low):
                position = self._place()
                self._free[position] += [after, self._built(node.part, after)]
                after = position
        for _ in range(node.low):
            after = self._built(node.part, after)
        return after

    def _begin(self) -> None:
        self._states: dict[frozenset[int], _State] = {}
        self._made = 0
        self._anew = self._reached([self._first], "")
        started = self._reached([self._first], "^")
        whole = self._reached([self._first], "^$")
        self._start = _State(started, self._last in started, self._last in whole, self._leave)

    def _leave(self, state: _State, character: str) -> _State:
        self._made += 1
        if self._made > KEPT:  # forget, and begin again: memory stays bounded too
            self._begin()
        stepped = [
            step[1]
            for step in map(self._steps.__getitem__, state.places)
            if step is not None and step[0].has(character, folds=self._folds)
        ]
        places = self._reached(stepped, "") | self._anew
        following = self._states.get(places)
        if following is None:
            ends = self._last in self._reached(places, "$")
            following = _State(places, self._last in places, ends, self._leave)
            self._states[places] = following
        return following

    def _reached(self, places: Iterable[int], edges: str) -> frozenset[int]:
        """Every place that is reached without a character, across the given ends of the text."""
        waiting, reached = list(places), set(places)
        while waiting:
            position = waiting.pop()
            edge = self._edges[position]
            onward = self._free[position]
            if edge is not None and edge[0] in edges:
                onward = [edge[1]]
            fresh = [target for target in onward if target not in reached]
            reached.update(fresh)
            waiting += fresh
        return frozenset(reached)


def _posix(node: Node) -> str:
    if isinstance(node, Chars):
        return _set_of(node)
    if isinstance(node, Edge):
        return node.sign
    if isinstance(node, Chain):
        return "".join(
            f"(?:{_posix(p)})" if isinstance(p, Choice) else _posix(p) for p in node.parts
        )
    if isinstance(node, Choice):
        return "|".join(_posix(part) or "(?:)" for part in node.parts)
    high = "" if node.high is None else node.high
    part = _posix(node.part)
    inner = part if isinstance(node.part, Chars) else f"(?:{part})"
    return f"{inner}{{{node.low},{high}}}"


def _set_of(chars: Chars) -> str:
    if chars == ANY:
        return "."
    if chars.is_one and chars.ranges[0][0].isalnum():
        return chars.ranges[0][0]
    ranges = "".join(
        _code(low) if low == high else f"{_code(low)}-{_code(high)}" for low, high in chars.ranges
    )
    return f"[{'^' if chars.negated else ''}{ranges}]"


def _code(character: str) -> str:
    plain = character.isascii() and character.isalnum()
    return character if plain else f"\\U{ord(character):08x}"
