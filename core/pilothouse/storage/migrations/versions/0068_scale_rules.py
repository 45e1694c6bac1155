"""Deployments whose number of processes follows their load: between which limits."""

import sqlalchemy as sa
from alembic import op

revision = "0068"
down_revision = "0067"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "deployments_scale_rule",
        sa.Column("deployment", sa.String(), nullable=False),
        sa.Column("least", sa.Integer(), nullable=False),
        sa.Column("most", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["deployment"],
            ["deployments_deployment.name"],
            name="fk_deployments_scale_rule_deployment_deployments_deployment",
        ),
        sa.PrimaryKeyConstraint("deployment", name="pk_deployments_scale_rule"),
    )
