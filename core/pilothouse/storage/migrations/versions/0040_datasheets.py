"""What people write in the datasheet of a version, by revision."""

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "data_datasheet_revision",
        sa.Column("dataset", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("texts", sa.JSON(), nullable=False),
        sa.Column("carried_from", sa.Integer(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("written_at", sa.BigInteger(), nullable=False),
        sa.Column("written_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["dataset"], ["data_dataset.name"], name="fk_data_datasheet_revision_dataset"
        ),
        sa.PrimaryKeyConstraint(
            "dataset", "version", "revision", name="pk_data_datasheet_revision"
        ),
    )
