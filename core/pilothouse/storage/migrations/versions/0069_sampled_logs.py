"""The share of a deployment's requests whose predictions are logged."""

import sqlalchemy as sa
from alembic import op

revision = "0069"
down_revision = "0068"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("deployments_log_rule", sa.Column("share", sa.Float(), nullable=True))
