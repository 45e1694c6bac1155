"""What is measured of a version for its gates."""

import sqlalchemy as sa
from alembic import op

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None

MEASUREMENT = "registry_measurement"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        MEASUREMENT,
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("figures", sa.JSON(), nullable=False),
        sa.Column("rows", sa.String(), nullable=False),
        sa.Column("rows_digest", sa.String(), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("measured_at", sa.BigInteger(), nullable=False),
        sa.Column("measured_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["model", "version"],
            ["registry_version.model", "registry_version.version"],
            name="fk_registry_measurement_model",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_registry_measurement"),
    )
    op.create_index(
        "ix_registry_measurement_model_version_measured_at",
        MEASUREMENT,
        ["model", "version", "measured_at"],
    )
