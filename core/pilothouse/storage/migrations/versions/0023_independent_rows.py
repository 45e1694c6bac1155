"""What windows are compared with, and how many independent rows their rows are worth."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

RESULT, MONITOR = "monitoring_result", "monitoring_monitor"


def upgrade() -> None:
    """Apply."""
    op.add_column(RESULT, sa.Column("n_independent", sa.Integer(), nullable=True))
    op.add_column(MONITOR, sa.Column("reference", sa.String(), nullable=True))
    op.add_column(MONITOR, sa.Column("reference_windows", sa.Integer(), nullable=True))
    op.add_column(MONITOR, sa.Column("reference_dataset", sa.String(), nullable=True))
