"""Inputs that a deployment's log drops or hashes."""

import sqlalchemy as sa
from alembic import op

revision = "0066"
down_revision = "0064"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    for name in ("dropped", "hashed"):
        column = sa.Column(name, sa.JSON(none_as_null=True), nullable=True)
        op.add_column("deployments_log_rule", column)
