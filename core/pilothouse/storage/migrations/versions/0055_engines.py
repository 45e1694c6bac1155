"""Which engine answers in a model process, and how its answers were compared."""

import sqlalchemy as sa
from alembic import op

revision = "0055"
down_revision = "0052"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("deployments_replica") as table:
        table.add_column(sa.Column("engine", sa.JSON(none_as_null=True), nullable=True))
