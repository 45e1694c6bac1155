"""Deployments that sleep while nobody asks them: after how long, and since when."""

import sqlalchemy as sa
from alembic import op

revision = "0064"
down_revision = "0063"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column(
        "deployments_deployment", sa.Column("asleep_since", sa.BigInteger(), nullable=True)
    )
    op.create_table(
        "deployments_sleep_rule",
        sa.Column("deployment", sa.String(), nullable=False),
        sa.Column("after_minutes", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(
            ["deployment"],
            ["deployments_deployment.name"],
            name="fk_deployments_sleep_rule_deployment_deployments_deployment",
        ),
        sa.PrimaryKeyConstraint("deployment", name="pk_deployments_sleep_rule"),
    )
