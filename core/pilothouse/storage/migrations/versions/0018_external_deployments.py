"""Deployments that are served elsewhere: their predictions are sent in."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

REFERENCE = "monitoring_deployment_reference"


def upgrade() -> None:
    """Apply."""
    op.add_column("deployments_deployment", sa.Column("external", sa.Boolean(), nullable=True))
    op.create_table(
        REFERENCE,
        sa.Column("deployment", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["deployment"],
            ["deployments_deployment.name"],
            name=op.f("fk_monitoring_deployment_reference_deployment"),
        ),
        sa.PrimaryKeyConstraint(
            "deployment", "version", name=op.f("pk_monitoring_deployment_reference")
        ),
    )
