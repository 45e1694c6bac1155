"""Checks that people wrote, and whether the columns of a window are rebuilt from components."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

CHECK = "monitoring_custom_check"


def upgrade() -> None:
    """Apply."""
    op.add_column(
        "monitoring_monitor", sa.Column("pca_reconstruction", sa.Boolean(), nullable=True)
    )
    op.create_table(
        CHECK,
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("deployment", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("warn", sa.Float(), nullable=False),
        sa.Column("fail", sa.Float(), nullable=False),
        sa.Column("direction", sa.String(), nullable=False),
        sa.Column("draws", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("removed_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["deployment"],
            ["deployments_deployment.name"],
            name="fk_monitoring_custom_check_deployment_deployments_deployment",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_monitoring_custom_check"),
    )
    op.create_index(
        "ix_monitoring_custom_check_one_name",
        CHECK,
        ["deployment", "name"],
        unique=True,
        sqlite_where=sa.text("removed_at IS NULL"),
        postgresql_where=sa.text("removed_at IS NULL"),
    )
