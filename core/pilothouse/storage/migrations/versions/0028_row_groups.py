"""The columns by which the rows of a window are judged in segments, and compared for fairness."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    for name in ("segment_columns", "fairness_columns"):
        op.add_column("monitoring_monitor", sa.Column(name, sa.JSON(), nullable=True))
