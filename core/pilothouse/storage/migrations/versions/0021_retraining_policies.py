"""Retraining policies, and what triggers have led to."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

POLICY, DECISION = "pipelines_retraining_policy", "pipelines_retraining_decision"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        POLICY,
        sa.Column("deployment", sa.String(), nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("triggers", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("cooldown_days", sa.Float(), nullable=False),
        sa.Column("monthly_budget", sa.Integer(), nullable=True),
        sa.Column("min_rows", sa.Integer(), nullable=False),
        sa.Column("min_labelled_share", sa.Float(), nullable=False),
        sa.Column("rows", sa.String(), nullable=False),
        sa.Column("weeks", sa.Integer(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=True),
        sa.Column("half_life_days", sa.Float(), nullable=True),
        sa.Column("held_out_days", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["deployment"],
            ["deployments_deployment.name"],
            name=op.f("fk_pipelines_retraining_policy_deployment"),
        ),
        sa.PrimaryKeyConstraint("deployment", name=op.f("pk_pipelines_retraining_policy")),
    )
    op.create_table(
        DECISION,
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("deployment", sa.String(), nullable=False),
        sa.Column("trigger", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("obstacle", sa.String(), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("alert_id", sa.String(), nullable=True),
        sa.Column("job_id", sa.String(), nullable=True),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("decided_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["deployment"],
            ["deployments_deployment.name"],
            name=op.f("fk_pipelines_retraining_decision_deployment"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pipelines_retraining_decision")),
    )
    op.create_index(
        op.f("ix_pipelines_retraining_decision_deployment_at"), DECISION, ["deployment", "at"]
    )
