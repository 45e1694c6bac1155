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
from dataclasses import dataclass
from functools import lru_cache

from pilothouse.kit.errors import Invalid

LONGEST = 200
LARGEST = 500
MOST_TIMES = 100
WIDEST = 10_000
DEEPEST = 20
KEPT = 20_000
Ranges = tuple[tuple[str, str], ...]
DIGITS: Ranges = (("0", "9"),)
WORD: Ranges = (("0", "9"), ("A", "Z"), ("_", "_"), ("a", "z"))
SPACE: Ranges = (("\t", "\r"), (" ", " "))
SETS = {"d": DIGITS, "w": WORD, "s": SPACE}
SIGNS = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v"}
SPECIAL = "\\^$.|?*+()[]{}"


@dataclass(frozen=True)
class Chars:
    """One character out of ranges, or one outside of them."""

    ranges: Ranges
    negated: bool = False

    @property
    def is_one(self) -> bool:
        """Whether it is one certain character."""
        return not self.negated and len(self.ranges) == 1 and len(set(self.ranges[0])) == 1

    def has(self, character: str, *, folds: bool) -> bool:
        """Whether the character is one of them; `folds` does not mind upper and lower case."""
        known = (character, character.lower(), character.upper()) if folds else (character,)
        inside = any(low <= each <= high for low, high in self.ranges for each in known)
        return inside != self.negated


@dataclass(frozen=True)
class Edge:
    """The start or the end of the text."""

    sign: str


@dataclass(frozen=True)
class Chain:
    """One part after the other."""

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Choice:
    """One of the parts."""

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Repeat:
    """The part so many times; without a highest number, any number of times."""

    part: Node
    low: int
    high: int | None


Node = Chars | Edge | Chain | Choice | Repeat
ANY = Chars((), negated=True)


@lru_cache(maxsize=64)
def pattern(text: str) -> Pattern:
    """The pattern of a text. Raises Invalid with the place of what it cannot be."""
    if len(text) > LONGEST:
        raise Invalid(f"a regular expression has at most {LONGEST} characters.")
    folds = text.startswith("(?i)")
    reader = _Reader(text, 4 if folds else 0)
    return Pattern(text, reader.whole(), folds=folds)


def matches(text: str, value: str | None) -> bool | None:
    """Whether the pattern of a text is found in a value; None when there is no value."""
    return None if value is None else pattern(text).is_in(str(value))


class _Reader:
    def __init__(self, text: str, place: int) -> None:
        self._text = text
        self._place = place
        self._depth = 0

    def whole(self) -> Node:
        node = self._choice()
        if self._place < len(self._text):
            raise self._wrong("this ) closes nothing")
        return node

    def _wrong(self, words: str) -> Invalid:
        near = self._text[self._place : self._place + 10]
        where = f"at character {self._place + 1}, near {near!r}" if near else "at its end"
        return Invalid(f"the regular expression cannot be read {where}: {words}.")

    def _peek(self) -> str:
        return self._text[self._place : self._place + 1]

    def _take(self) -> str:
        sign = self._peek()
        self._place += 1
        return sign

    def _choice(self) -> Node:
        parts = [self._chain()]
        while self._peek() == "|":
            self._take()
            parts.append(self._chain())
        return parts[0] if len(parts) == 1 else Choice(tuple(parts))

    def _chain(self) -> Node:
        parts: list[Node] = []
        while self._peek() not in ("", "|", ")"):
            at_edge = self._peek() in "^$"
            atom = self._atom()
            if at_edge and self._peek() and self._peek() in "*+?{":
                raise self._wrong("an end of the text cannot be repeated")
            parts.append(self._repeated(atom))
        return parts[0] if len(parts) == 1 else Chain(tuple(parts))

    def _repeated(self, node: Node) -> Node:
        times = self._times()
        if times is None:
            return node
        if self._peek() == "?":
            self._take()
        if self._peek() and self._peek() in "*+?{":
            raise self._wrong("one repetition follows another")
        return Repeat(node, *times)

    def _times(self) -> tuple[int, int | None] | None:
        known: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}
        sign = self._peek()
        if sign in known:
            self._take()
            return known[sign]
        return self._counted() if sign == "{" else None

    def _counted(self) -> tuple[int, int | None]:
        end = self._text.find("}", self._place)
        low, comma, high = self._text[self._place + 1 : max(end, 0)].partition(",")
        if end < 0 or not _counts(low) or not (high == "" or _counts(high)):
            raise self._wrong("a repetition is {2}, {2,} or {2,3}; a brace itself is \\{")
        least, most = int(low), int(high) if high else None if comma else int(low)
        if max(least, most or 0) > MOST_TIMES or (most is not None and most < least):
            raise self._wrong(f"a repetition counts up to {MOST_TIMES}, the lower number first")
        self._place = end + 1
        return least, most

    def _atom(self) -> Node:
        sign = self._peek()
        if sign in "*+?{":
            raise self._wrong(f"there is nothing before {sign} to repeat")
        if sign == "(":
            return self._group()
        if sign == "[":
            return self._set()
        if sign == "\\":
            return self._escaped()
        self._take()
        if sign in "^$":
            return Edge(sign)
        return ANY if sign == "." else Chars(((sign, sign),))

    def _group(self) -> Node:
        if self._text.startswith("(?", self._place):
            if not self._text.startswith("(?:", self._place):
                raise self._wrong("looking around, names and options inside are not understood")
            self._place += 2
        self._take()
        self._depth += 1
        if self._depth > DEEPEST:
            raise self._wrong(f"it nests deeper than {DEEPEST} groups")
        node = self._choice()
        self._depth -= 1
        if self._peek() != ")":
            raise self._wrong("a ( is never closed")
        self._take()
        return node

    def _escaped(self) -> Chars:
        sign = self._text[self._place + 1 : self._place + 2]
        if sign.lower() in SETS and sign:
            self._place += 2
            return Chars(SETS[sign.lower()], negated=sign.isupper())
        if not sign or (sign.isalnum() and sign not in SIGNS):
            raise self._wrong("known are \\d, \\w, \\s, \\n, \\t and a \\ before a sign")
        self._place += 2
        character = SIGNS.get(sign, sign)
        return Chars(((character, character),))

    def _set(self) -> Chars:
        start = self._place
        self._take()
        negated = self._peek() == "^"
        self._place += negated
        ranges: list[tuple[str, str]] = []
        while self._peek() != "]" or not ranges:
            if not self._peek():
                self._place = start
                raise self._wrong("a [ is never closed")
            ranges += self._range()
        self._take()
        return Chars(tuple(ranges), negated)

    def _range(self) -> Ranges:
        low = self._one()
        if low.negated:
            raise self._wrong("inside of [ ] stand no \\D, \\W and \\S")
        follows = self._text[self._place + 1 : self._place + 2]
        if not low.is_one or self._peek() != "-" or follows in ("]", ""):
            return low.ranges
        self._take()
        high = self._one()
        first, last = low.ranges[0][0], high.ranges[0][0]
        if not high.is_one or not 0 <= ord(last) - ord(first) <= WIDEST:
            raise self._wrong("this range ends before it starts, or is too wide")
        return ((first, last),)

    def _one(self) -> Chars:
        if self._peek() == "\\":
            return self._escaped()
        if self._text.startswith(("[:", "[=", "[."), self._place):
            raise self._wrong("named sets such as [:alpha:] are not understood; write a-z")
        sign = self._take()
        return Chars(((sign, sign),))


def _counts(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 4


class _State(dict[str, "_State"]):
    """Where a pattern may stand in a text, and by which character it goes where."""

    __slots__ = ("ends", "found", "leave", "places")

    def __init__(
        self, places: frozenset[int], found: bool, ends: bool, leave: Callable[..., _State]
    ) -> None:
        self.places, self.found, self.ends, self.leave = places, found, ends, leave

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
        if len(self._free) > LARGEST:
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
        place = self._place()
        if isinstance(node, Chars):
            self._steps[place] = node, after
        elif isinstance(node, Edge):
            self._edges[place] = node.sign, after
        else:
            self._free[place] += [self._built(part, after) for part in node.parts]
        return place

    def _repeated(self, node: Repeat, after: int) -> int:
        if node.high is None:
            again = self._place()
            self._free[again] += [after, self._built(node.part, again)]
            after = again
        else:
            for _ in range(node.high - node.low):
                place = self._place()
                self._free[place] += [after, self._built(node.part, after)]
                after = place
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
        known = self._states.get(places)
        if known is None:
            ends = self._last in self._reached(places, "$")
            known = _State(places, self._last in places, ends, self._leave)
            self._states[places] = known
        return known

    def _reached(self, places: Iterable[int], edges: str) -> frozenset[int]:
        """Every place that is reached without a character, across the given ends of the text."""
        waiting, seen = list(places), set(places)
        while waiting:
            place = waiting.pop()
            edge = self._edges[place]
            onward = self._free[place]
            if edge is not None and edge[0] in edges:
                onward = [edge[1]]
            fresh = [each for each in onward if each not in seen]
            seen.update(fresh)
            waiting += fresh
        return frozenset(seen)


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
