"""Rollouts: a change of version in steps, its candidates and analyses, and the split of requests."""

import sqlalchemy as sa
from alembic import op

revision = "0054"
down_revision = "0050"
branch_labels = None
depends_on = None

DEPLOYMENT = "deployments_deployment"
ROLLOUT = "deployments_rollout"
CANDIDATE = "deployments_rollout_candidate"
ANALYSIS = "deployments_rollout_analysis"


def upgrade() -> None:
    """Apply."""
    op.add_column(DEPLOYMENT, sa.Column("traffic", sa.JSON(), nullable=True))
    op.create_table(
        ROLLOUT,
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("deployment", sa.String(), nullable=False),
        sa.Column("strategy", sa.String(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("stable_version", sa.Integer(), nullable=False),
        sa.Column("candidates", sa.JSON(), nullable=False),
        sa.Column("chosen_version", sa.Integer(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("hold", sa.String(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("step_started_at", sa.BigInteger(), nullable=True),
        sa.Column("analysed_at", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["deployment"],
            [f"{DEPLOYMENT}.name"],
            name="fk_deployments_rollout_deployment_deployments_deployment",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_deployments_rollout"),
    )
    op.create_index(
        "ix_deployments_rollout_deployment_started_at", ROLLOUT, ["deployment", "started_at"]
    )
    op.create_index("ix_deployments_rollout_state", ROLLOUT, ["state"])
    op.create_table(
        CANDIDATE,
        sa.Column("rollout", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("signature", sa.JSON(), nullable=False),
        sa.Column("example", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["rollout"],
            [f"{ROLLOUT}.id"],
            name="fk_deployments_rollout_candidate_rollout_deployments_rollout",
        ),
        sa.PrimaryKeyConstraint("rollout", "version", name="pk_deployments_rollout_candidate"),
    )
    op.create_table(
        ANALYSIS,
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("rollout", sa.String(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("traffic", sa.JSON(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("verdicts", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["rollout"],
            [f"{ROLLOUT}.id"],
            name="fk_deployments_rollout_analysis_rollout_deployments_rollout",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_deployments_rollout_analysis"),
    )
    op.create_index("ix_deployments_rollout_analysis_rollout_at", ANALYSIS, ["rollout", "at"])
