"""The tables of the first voyage."""

from alembic import op

from pilothouse.storage.tables import Table

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    import importlib

    for room in (
        "activity",
        "jobs",
        "data",
        "experiments",
        "registry",
        "deployments",
        "monitoring",
        "pipelines",
    ):
        try:
            importlib.import_module(f"pilothouse.{room}.tables")
        except ModuleNotFoundError:
            continue
    Table.metadata.create_all(op.get_bind())
