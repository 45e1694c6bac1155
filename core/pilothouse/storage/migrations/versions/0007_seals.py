"""Seals: the hashes of rows that a command has written, in the entry of the activity log."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; entries of before have none, and their hashes stay as they are."""
    with op.batch_alter_table("activity_entry") as table:
        table.add_column(sa.Column("seals", sa.JSON(none_as_null=True), nullable=True))
