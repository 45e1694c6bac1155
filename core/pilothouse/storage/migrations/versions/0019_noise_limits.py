"""What chance alone gives beside each score, and the rate at which columns are judged together."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

RESULT, MONITOR = "monitoring_result", "monitoring_monitor"


def upgrade() -> None:
    """Apply."""
    op.add_column(RESULT, sa.Column("noise", sa.Float(), nullable=True))
    op.add_column(RESULT, sa.Column("noise_method", sa.String(), nullable=True))
    op.add_column(RESULT, sa.Column("noise_level", sa.Float(), nullable=True))
    op.add_column(RESULT, sa.Column("p_value", sa.Float(), nullable=True))
    op.add_column(MONITOR, sa.Column("false_discovery_rate", sa.Float(), nullable=True))
