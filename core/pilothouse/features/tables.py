"""The rows of feature stores: where each is, who answers for it, and what it held when read."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlmodel import Field

from pilothouse.storage import Json, Seal, Table, Utc


class FeatureStoreRow(Table, table=True):
    """A feature store that this workspace uses.

    `python` is the interpreter with the store's library: a path, the id of an environment, or
    empty for Pilothouse's own. `catalog` is what the store held at `read_at`.
    """

    __tablename__ = "features_store"
    seal: ClassVar[Seal | None] = Seal(excluded=("catalog", "library", "read_at"))

    name: str = Field(primary_key=True)
    kind: str
    settings: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    python: str = ""
    catalog: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    library: str = ""
    read_at: datetime = Field(sa_type=Utc)
    created_at: datetime = Field(sa_type=Utc)
    created_by: str
