"""Standard errors of a window's metrics and of the reference's."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

RESULT = "monitoring_result"


def upgrade() -> None:
    """Apply."""
    op.add_column(RESULT, sa.Column("standard_error", sa.Float(), nullable=True))
    op.add_column(RESULT, sa.Column("reference_error", sa.Float(), nullable=True))
