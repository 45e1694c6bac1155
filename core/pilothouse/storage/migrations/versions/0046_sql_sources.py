"""The databases that datasets are refreshed from."""

import sqlalchemy as sa
from alembic import op

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "data_sql_source",
        sa.Column("dataset", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("statement", sa.String(), nullable=False),
        sa.Column("secret", sa.String(), nullable=False),
        sa.Column("max_rows", sa.Integer(), nullable=False),
        sa.Column("max_seconds", sa.Float(), nullable=False),
        sa.Column("about", sa.JSON(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["dataset"], ["data_dataset.name"], name="fk_data_sql_source_dataset"
        ),
        sa.PrimaryKeyConstraint("dataset", name="pk_data_sql_source"),
    )
