"""Whether windows compare what was served with what it should have been, and by which key."""

import sqlalchemy as sa
from alembic import op

revision = "0082"
down_revision = "0081"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("monitoring_monitor", sa.Column("skew", sa.Boolean(), nullable=True))
    op.add_column("monitoring_monitor", sa.Column("skew_key", sa.String(), nullable=True))
