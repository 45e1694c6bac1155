"""Which features are looked up for the requests of a deployment."""

import sqlalchemy as sa
from alembic import op

revision = "0079"
down_revision = "0078"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "deployments_feature_rule",
        sa.Column("deployment", sa.String(), nullable=False),
        sa.Column("store", sa.String(), nullable=False),
        sa.Column("features", sa.JSON(), nullable=False),
        sa.Column("service", sa.String(), nullable=False),
        sa.Column("full_names", sa.Boolean(), nullable=False),
        sa.Column("keys", sa.JSON(), nullable=False),
        sa.Column("names", sa.JSON(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["deployment"],
            ["deployments_deployment.name"],
            name="fk_deployments_feature_rule_deployment",
        ),
        sa.PrimaryKeyConstraint("deployment", name="pk_deployments_feature_rule"),
    )
