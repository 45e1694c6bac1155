"""Results of checks are read by window: an index of checks made SQLite read those of all windows."""

from alembic import op

revision = "0050"
down_revision = "0049"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.drop_index("ix_monitoring_result_check_column", table_name="monitoring_result")
