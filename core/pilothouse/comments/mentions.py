"""Names behind an at sign: who a comment is addressed to."""

from __future__ import annotations

import re
from collections.abc import Iterable


def mentioned(text: str, names: Iterable[str]) -> tuple[str, ...]:
    """The names that follow an at sign in a text, each once, in their order.

    A name may have spaces; the longest that fits counts, in any case of its letters.
    """
    longest_first = sorted(names, key=len, reverse=True)
    result: dict[str, None] = {}
    for sign in re.finditer(r"(?<!\w)@", text):
        rest = text[sign.end() :]
        for name in longest_first:
            follows = rest[len(name) : len(name) + 1]
            if rest[: len(name)].casefold() == name.casefold() and not follows.isalnum():
                result[name] = None
                break
    return tuple(result)
