"""Tables in Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table; its first column names the rows, the others are aligned as numbers."""
    table = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return [f"| {' | '.join(map(_escaped, row))} |" for row in table]


def _escaped(text: str) -> str:
    plain = re.sub(r"\s+", " ", text).replace("\\", "\\\\")
    return plain.replace("|", "\\|").replace("<", "&lt;")
