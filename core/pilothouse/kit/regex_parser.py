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
class CharacterSet:
    """One character out of ranges, or one outside of them."""

    ranges: Ranges
    negated: bool = False

    @property
    def is_one(self) -> bool:
        """Whether it is one certain character."""
        return not self.negated and len(self.ranges) == 1 and len(set(self.ranges[0])) == 1

    def has(self, character: str, *, ignore_case: bool) -> bool:
        """Whether the character is one of them, in either case with `ignore_case`."""
        variants = (
            (character, character.lower(), character.upper()) if ignore_case else (character,)
        )
        inside = any(low <= variant <= high for low, high in self.ranges for variant in variants)
        return inside != self.negated


@dataclass(frozen=True)
class TextBoundary:
    """The start or the end of the text."""

    sign: str


@dataclass(frozen=True)
class Concatenation:
    """One part after the other."""

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Alternation:
    """One of the parts."""

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Repeat:
    """The part so many times; without a highest number, any number of times."""

    part: Node
    low: int
    high: int | None


Node = CharacterSet | TextBoundary | Concatenation | Alternation | Repeat
ANY = CharacterSet((), negated=True)


def parse(text: str) -> tuple[Node, bool]:
    """The tree of an expression, and whether it does not mind upper and lower case.

    Raises Invalid with the place of what it cannot be.
    """
    if len(text) > MAX_LENGTH:
        raise Invalid(f"a regular expression has at most {MAX_LENGTH} characters.")
    ignore_case = text.startswith("(?i)")
    return _Parser(text, 4 if ignore_case else 0).whole(), ignore_case


class _Parser:
    def __init__(self, text: str, position: int) -> None:
        self._text = text
        self._position = position
        self._depth = 0

    def whole(self) -> Node:
        node = self._alternation()
        if self._position < len(self._text):
            raise self._error("this ) closes nothing")
        return node

    def _error(self, problem: str) -> Invalid:
        near = self._text[self._position : self._position + 10]
        where = f"at character {self._position + 1}, near {near!r}" if near else "at its end"
        return Invalid(f"the regular expression cannot be read {where}: {problem}.")

    def _peek(self) -> str:
        return self._text[self._position : self._position + 1]

    def _next(self) -> str:
        sign = self._peek()
        self._position += 1
        return sign

    def _alternation(self) -> Node:
        parts = [self._concatenation()]
        while self._peek() == "|":
            self._next()
            parts.append(self._concatenation())
        return parts[0] if len(parts) == 1 else Alternation(tuple(parts))

    def _concatenation(self) -> Node:
        parts: list[Node] = []
        while self._peek() not in ("", "|", ")"):
            at_edge = self._peek() in "^$"
            atom = self._atom()
            if at_edge and self._peek() and self._peek() in "*+?{":
                raise self._error("an end of the text cannot be repeated")
            parts.append(self._repeated(atom))
        return parts[0] if len(parts) == 1 else Concatenation(tuple(parts))

    def _repeated(self, node: Node) -> Node:
        times = self._bounds()
        if times is None:
            return node
        if self._peek() == "?":
            self._next()
        if self._peek() and self._peek() in "*+?{":
            raise self._error("one repetition follows another")
        return Repeat(node, *times)

    def _bounds(self) -> tuple[int, int | None] | None:
        repetitions: dict[str, tuple[int, int | None]] = {
            "*": (0, None),
            "+": (1, None),
            "?": (0, 1),
        }
        sign = self._peek()
        if sign in repetitions:
            self._next()
            return repetitions[sign]
        return self._counted_bounds() if sign == "{" else None

    def _counted_bounds(self) -> tuple[int, int | None]:
        end = self._text.find("}", self._position)
        low, comma, high = self._text[self._position + 1 : max(end, 0)].partition(",")
        if end < 0 or not _is_count(low) or not (high == "" or _is_count(high)):
            raise self._error("a repetition is {2}, {2,} or {2,3}; a brace itself is \\{")
        least, most = int(low), int(high) if high else None if comma else int(low)
        if max(least, most or 0) > MAX_REPEATS or (most is not None and most < least):
            raise self._error(f"a repetition counts up to {MAX_REPEATS}, the lower number first")
        self._position = end + 1
        return least, most

    def _atom(self) -> Node:
        sign = self._peek()
        if sign in "*+?{":
            raise self._error(f"there is nothing before {sign} to repeat")
        if sign == "(":
            return self._group()
        if sign == "[":
            return self._character_set()
        if sign == "\\":
            return self._escaped()

        self._next()
        if sign in "^$":
            return TextBoundary(sign)
        return ANY if sign == "." else CharacterSet(((sign, sign),))

    def _group(self) -> Node:
        if self._text.startswith("(?", self._position):
            if not self._text.startswith("(?:", self._position):
                raise self._error("looking around, names and options inside are not understood")
            self._position += 2

        self._next()
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._error(f"it nests deeper than {MAX_DEPTH} groups")

        node = self._alternation()
        self._depth -= 1

        if self._peek() != ")":
            raise self._error("a ( is never closed")
        self._next()
        return node

    def _escaped(self) -> CharacterSet:
        sign = self._text[self._position + 1 : self._position + 2]
        if sign.lower() in SETS and sign:
            self._position += 2
            return CharacterSet(SETS[sign.lower()], negated=sign.isupper())
        if not sign or (sign.isalnum() and sign not in SIGNS):
            raise self._error("known are \\d, \\w, \\s, \\n, \\t and a \\ before a sign")
        self._position += 2
        character = SIGNS.get(sign, sign)
        return CharacterSet(((character, character),))

    def _character_set(self) -> CharacterSet:
        start = self._position
        self._next()
        negated = self._peek() == "^"
        self._position += negated
        ranges: list[tuple[str, str]] = []
        while self._peek() != "]" or not ranges:
            if not self._peek():
                self._position = start
                raise self._error("a [ is never closed")
            ranges += self._range()
        self._next()
        return CharacterSet(tuple(ranges), negated)

    def _range(self) -> Ranges:
        low = self._member()
        if low.negated:
            raise self._error("inside of [ ] stand no \\D, \\W and \\S")
        follows = self._text[self._position + 1 : self._position + 2]
        if not low.is_one or self._peek() != "-" or follows in ("]", ""):
            return low.ranges
        self._next()
        high = self._member()
        first, last = low.ranges[0][0], high.ranges[0][0]
        if not high.is_one or not 0 <= ord(last) - ord(first) <= MAX_NODES:
            raise self._error("this range ends before it starts, or is too wide")
        return ((first, last),)

    def _member(self) -> CharacterSet:
        if self._peek() == "\\":
            return self._escaped()
        if self._text.startswith(("[:", "[=", "[."), self._position):
            raise self._error("named sets such as [:alpha:] are not understood; write a-z")
        sign = self._next()
        return CharacterSet(((sign, sign),))


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 4
