"""API keys of deployments, and the rules of who may call one and how often."""

import sqlalchemy as sa
from alembic import op

revision = "0056"
down_revision = "0054"
branch_labels = None
depends_on = None

KEY, RULE = "deployments_api_key", "deployments_call_rule"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        KEY,
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("prefix", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("scopes", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("deployments", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.Column("last_used_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_deployments_api_key"),
    )
    op.create_index("ix_deployments_api_key_prefix", KEY, ["prefix"])
    op.create_table(
        RULE,
        sa.Column("deployment", sa.String(), nullable=False),
        sa.Column("needs_key", sa.Boolean(), nullable=True),
        sa.Column("max_concurrent", sa.Integer(), nullable=True),
        sa.Column("per_second", sa.Float(), nullable=True),
        sa.Column("burst", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["deployment"],
            ["deployments_deployment.name"],
            name="fk_deployments_call_rule_deployment_deployments_deployment",
        ),
        sa.PrimaryKeyConstraint("deployment", name="pk_deployments_call_rule"),
    )
