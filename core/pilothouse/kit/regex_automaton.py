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
from pilothouse.kit.regex_parser import (
    ANY,
    Alternation,
    CharacterSet,
    Concatenation,
    Node,
    Repeat,
    TextBoundary,
    parse,
)

MAX_STATES = 500
MAX_CACHED_STATES = 20_000


@lru_cache(maxsize=64)
def pattern(text: str) -> Pattern:
    """The pattern of a text. Raises Invalid with the place of what it cannot be."""
    node, ignore_case = parse(text)
    return Pattern(text, node, ignore_case=ignore_case)


def matches(text: str, value: str | None) -> bool | None:
    """Whether the pattern of a text is found in a value; None when there is no value."""
    return None if value is None else pattern(text).search(str(value))


class _State(dict[str, "_State"]):
    """A state of the automaton: a set of positions in the pattern, and the next state by character.

    PERF: a dict subclass whose `__missing__` computes a transition on first use, so that the loop
    in `search` is one lookup per character (the lazy subset construction of Thompson's NFA).
    """

    __slots__ = ("ends", "leave", "matched", "positions")

    def __init__(
        self, positions: frozenset[int], matched: bool, ends: bool, leave: Callable[..., _State]
    ) -> None:
        self.positions, self.matched, self.ends, self.leave = positions, matched, ends, leave

    def __missing__(self, character: str) -> _State:
        self[character] = after = self.leave(self, character)
        return after


class Pattern:
    """A regular expression as an automaton, whose states are made when a text first needs them."""

    def __init__(self, text: str, node: Node, *, ignore_case: bool) -> None:
        self.text, self._node, self._ignore_case = text, node, ignore_case
        self._epsilon: list[list[int]] = []
        self._edges: list[tuple[str, int] | None] = []
        self._steps: list[tuple[CharacterSet, int] | None] = []
        self._last = self._add_position()
        self._first = self._compile(node, self._last)
        self._reset()

    @property
    def posix(self) -> str:
        """The pattern as PostgreSQL reads it."""
        return f"{'(?i)' if self._ignore_case else ''}(?:{_posix(self._node)})"

    def search(self, text: str) -> bool:
        """Whether the pattern is found somewhere in a text."""
        state = self._start
        if state.matched:
            return True
        for character in text:
            state = state[character]
            if state.matched:
                return True
        return state.ends

    def _add_position(self) -> int:
        if len(self._epsilon) > MAX_STATES:
            raise Invalid("the regular expression repeats too much to be searched with.")
        self._epsilon.append([])
        self._edges.append(None)
        self._steps.append(None)
        return len(self._epsilon) - 1

    def _compile(self, node: Node, after: int) -> int:
        """The position from which the node leads to `after` (Thompson 1968, built from the end)."""
        if isinstance(node, Concatenation):
            for part in reversed(node.parts):
                after = self._compile(part, after)
            return after
        if isinstance(node, Repeat):
            return self._compile_repeat(node, after)

        position = self._add_position()
        if isinstance(node, CharacterSet):
            self._steps[position] = node, after
        elif isinstance(node, TextBoundary):
            self._edges[position] = node.sign, after
        else:
            self._epsilon[position] += [self._compile(part, after) for part in node.parts]
        return position

    def _compile_repeat(self, node: Repeat, after: int) -> int:
        if node.high is None:
            again = self._add_position()
            self._epsilon[again] += [after, self._compile(node.part, again)]
            after = again
        else:
            for _ in range(node.high - node.low):
                position = self._add_position()
                self._epsilon[position] += [after, self._compile(node.part, after)]
                after = position
        for _ in range(node.low):
            after = self._compile(node.part, after)
        return after

    def _reset(self) -> None:
        self._states: dict[frozenset[int], _State] = {}
        self._state_count = 0
        self._restart = self._closure([self._first], "")
        started = self._closure([self._first], "^")
        whole = self._closure([self._first], "^$")
        self._start = _State(started, self._last in started, self._last in whole, self._next_state)

    def _next_state(self, state: _State, character: str) -> _State:
        self._state_count += 1
        if self._state_count > MAX_CACHED_STATES:  # the cache is dropped: memory stays bounded too
            self._reset()

        stepped = [
            step[1]
            for step in map(self._steps.__getitem__, state.positions)
            if step is not None and step[0].has(character, ignore_case=self._ignore_case)
        ]
        positions = self._closure(stepped, "") | self._restart

        following = self._states.get(positions)
        if following is None:
            ends = self._last in self._closure(positions, "$")
            following = _State(positions, self._last in positions, ends, self._next_state)
            self._states[positions] = following
        return following

    def _closure(self, positions: Iterable[int], edges: str) -> frozenset[int]:
        """Every position that is reached without a character (the epsilon closure).

        `edges` are the anchors that hold here: "^" at the start of the text, "$" at its end.
        """
        waiting, reached = list(positions), set(positions)
        while waiting:
            position = waiting.pop()
            edge = self._edges[position]
            onward = self._epsilon[position]
            if edge is not None and edge[0] in edges:
                onward = [edge[1]]
            fresh = [target for target in onward if target not in reached]
            reached.update(fresh)
            waiting += fresh
        return frozenset(reached)


def _posix(node: Node) -> str:
    if isinstance(node, CharacterSet):
        return _posix_set(node)
    if isinstance(node, TextBoundary):
        return node.sign
    if isinstance(node, Concatenation):
        return "".join(
            f"(?:{_posix(p)})" if isinstance(p, Alternation) else _posix(p) for p in node.parts
        )
    if isinstance(node, Alternation):
        return "|".join(_posix(part) or "(?:)" for part in node.parts)

    high = "" if node.high is None else node.high
    part = _posix(node.part)
    inner = part if isinstance(node.part, CharacterSet) else f"(?:{part})"
    return f"{inner}{{{node.low},{high}}}"


def _posix_set(chars: CharacterSet) -> str:
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
