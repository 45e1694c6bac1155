"""Zone, length and step of a monitor's windows, when they are evaluated, and a window's zone."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

MONITOR = "monitoring_monitor"


def upgrade() -> None:
    """Apply."""
    op.add_column(MONITOR, sa.Column("zone", sa.String(), nullable=True))
    op.add_column(MONITOR, sa.Column("window_length", sa.Integer(), nullable=True))
    op.add_column(MONITOR, sa.Column("window_step", sa.Integer(), nullable=True))
    op.add_column(MONITOR, sa.Column("evaluate_after", sa.Float(), nullable=True))
    op.add_column(MONITOR, sa.Column("give_up_after", sa.Float(), nullable=True))
    op.add_column("monitoring_window", sa.Column("zone", sa.String(), nullable=True))
