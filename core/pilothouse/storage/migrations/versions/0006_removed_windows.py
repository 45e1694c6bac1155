"""Windows that can be removed, and that remember until when they have heard everything."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("monitoring_window", sa.Column("heard_until", sa.BigInteger(), nullable=True))
    op.add_column("monitoring_window", sa.Column("removed_at", sa.BigInteger(), nullable=True))
