"""Whether all columns of a window are tested together."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("monitoring_monitor", sa.Column("domain_classifier", sa.Boolean(), nullable=True))
