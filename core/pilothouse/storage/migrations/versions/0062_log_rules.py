"""Rules of prediction logs, and what was deleted of them."""

import sqlalchemy as sa
from alembic import op

revision = "0062"
down_revision = "0061"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "deployments_log_rule",
        sa.Column("deployment", sa.String(), nullable=False),
        sa.Column("keep_days", sa.Integer(), nullable=True),
        sa.Column("cleaned_at", sa.BigInteger(), nullable=True),
        sa.Column("held_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["deployment"],
            ["deployments_deployment.name"],
            name="fk_deployments_log_rule_deployment_deployments_deployment",
        ),
        sa.PrimaryKeyConstraint("deployment", name="pk_deployments_log_rule"),
    )
    op.create_table(
        "deployments_log_deletion",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("deployment", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("before", sa.BigInteger(), nullable=True),
        sa.Column("received_before", sa.BigInteger(), nullable=True),
        sa.Column("predictions", sa.Integer(), nullable=False),
        sa.Column("labels", sa.Integer(), nullable=False),
        sa.Column("requests", sa.Integer(), nullable=False),
        sa.Column("files", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["deployment"],
            ["deployments_deployment.name"],
            name="fk_deployments_log_deletion_deployment_deployments_deployment",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_deployments_log_deletion"),
    )
    op.create_index(
        "ix_deployments_log_deletion_deployment_at",
        "deployments_log_deletion",
        ["deployment", "at"],
    )
