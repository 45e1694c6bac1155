"""The text of a regular expression as a tree, or a refusal that names the place."""

from __future__ import annotations

from dataclasses import dataclass

from pilothouse.kit.errors import Invalid

MAX_LENGTH = 200
MAX_REPEATS = 100
MAX_NODES = 10_000
MAX_DEPTH = 20
Ranges = tuple[tuple[str, str], ...]
DIGITS: Ranges = (("0", "9"),)
WORD: Ranges = (("0", "9"), ("A", "Z"), ("_", "_"), ("a", "z"))
SPACE: Ranges = (("\t", "\r"), (" ", " "))
SETS = {"d": DIGITS, "w": WORD, "s": SPACE}
SIGNS = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v"}


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
        variants = (character, character.lower(), character.upper()) if folds else (character,)
        inside = any(low <= variant <= high for low, high in self.ranges for variant in variants)
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


def read(text: str) -> tuple[Node, bool]:
    """The tree of an expression, and whether it does not mind upper and lower case.

    Raises Invalid with the place of what it cannot be.
    """
    if len(text) > MAX_LENGTH:
        raise Invalid(f"a regular expression has at most {MAX_LENGTH} characters.")
    folds = text.startswith("(?i)")
    return _Reader(text, 4 if folds else 0).whole(), folds


class _Reader:
    def __init__(self, text: str, position: int) -> None:
        self._text = text
        self._place = position
        self._depth = 0

    def whole(self) -> Node:
        node = self._choice()
        if self._place < len(self._text):
            raise self._wrong("this ) closes nothing")
        return node

    def _wrong(self, problem: str) -> Invalid:
        near = self._text[self._place : self._place + 10]
        where = f"at character {self._place + 1}, near {near!r}" if near else "at its end"
        return Invalid(f"the regular expression cannot be read {where}: {problem}.")

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
        repetitions: dict[str, tuple[int, int | None]] = {
            "*": (0, None),
            "+": (1, None),
            "?": (0, 1),
        }
        sign = self._peek()
        if sign in repetitions:
            self._take()
            return repetitions[sign]
        return self._counted() if sign == "{" else None

    def _counted(self) -> tuple[int, int | None]:
        end = self._text.find("}", self._place)
        low, comma, high = self._text[self._place + 1 : max(end, 0)].partition(",")
        if end < 0 or not _counts(low) or not (high == "" or _counts(high)):
            raise self._wrong("a repetition is {2}, {2,} or {2,3}; a brace itself is \\{")
        least, most = int(low), int(high) if high else None if comma else int(low)
        if max(least, most or 0) > MAX_REPEATS or (most is not None and most < least):
            raise self._wrong(f"a repetition counts up to {MAX_REPEATS}, the lower number first")
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
        if self._depth > MAX_DEPTH:
            raise self._wrong(f"it nests deeper than {MAX_DEPTH} groups")
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
        if not high.is_one or not 0 <= ord(last) - ord(first) <= MAX_NODES:
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
