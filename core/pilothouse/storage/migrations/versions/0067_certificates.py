"""Certificates of erasures from prediction logs."""

import sqlalchemy as sa
from alembic import op

revision = "0067"
down_revision = "0066"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    column = sa.Column("certificate", sa.JSON(none_as_null=True), nullable=True)
    op.add_column("deployments_log_deletion", column)
