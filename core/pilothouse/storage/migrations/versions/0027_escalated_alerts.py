"""How severe an alert was when a channel was notified of it."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("monitoring_delivery_alert", sa.Column("severity", sa.String(), nullable=True))
