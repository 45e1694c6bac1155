"""Rows that come as an Arrow table, with what is said of them in the reading report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, eq=False)
class ArrowRows:
    """A table whose columns have types of their own; `format` names what it was read from."""

    table: pa.Table
    format: str
    notes: tuple[str, ...] = ()
