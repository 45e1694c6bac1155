"""Windows of a number of predictions: where event time is cut, and by which number."""

import sqlalchemy as sa
from alembic import op

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None

CUT = "monitoring_window_cut"


def upgrade() -> None:
    """Apply."""
    op.add_column("monitoring_window", sa.Column("size", sa.Integer(), nullable=True))
    op.create_table(
        CUT,
        sa.Column("deployment", sa.String(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["deployment"],
            ["deployments_deployment.name"],
            name="fk_monitoring_window_cut_deployment_deployments_deployment",
        ),
        sa.PrimaryKeyConstraint("deployment", "size", "at", name="pk_monitoring_window_cut"),
    )
