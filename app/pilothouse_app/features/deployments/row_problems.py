"""The rows of a file that could not be taken, and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from pilothouse_app.components.table import number_column, table, text_column

COLUMNS = {
    "row": number_column("Row", 0, width=70),
    "column": text_column("Column", width=160),
    "message": text_column("What is wrong"),
}


def row_problems(problems: Sequence[dict[str, Any]], key: str, alt: str) -> None:
    """A table of rows with the column and the message of each; nothing without any."""
    if not problems:
        return
    frame = pd.DataFrame(problems).assign(id=lambda f: f.index.astype(str))
    table(frame, COLUMNS, key=key, alt=alt, ids="id", height=min(38 + 30 * len(frame), 260))
