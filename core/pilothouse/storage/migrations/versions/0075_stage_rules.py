"""Deployments that answer the address of a stage."""

import sqlalchemy as sa
from alembic import op

revision = "0075"
down_revision = "0070"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "deployments_stage_rule",
        sa.Column("deployment", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("stage", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["deployment"],
            ["deployments_deployment.name"],
            name="fk_deployments_stage_rule_deployment_deployments_deployment",
        ),
        sa.PrimaryKeyConstraint("deployment", name="pk_deployments_stage_rule"),
        sa.UniqueConstraint("stage", "model", name="uq_deployments_stage_rule_stage_model"),
    )
