"""Where everything is kept: the database, the unit of work, migrations, artifacts."""

from pilothouse.storage.artifacts import Artifacts
from pilothouse.storage.store import Store, open_store
from pilothouse.storage.tables import Json, Seal, Table, Utc

__all__ = ["Artifacts", "Json", "Seal", "Store", "Table", "Utc", "open_store"]
