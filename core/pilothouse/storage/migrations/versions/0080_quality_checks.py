"""Quality checks of datasets, their results by version, and versions that they hold back."""

import sqlalchemy as sa
from alembic import op

revision = "0080"
down_revision = "0082"
branch_labels = None
depends_on = None
VERSION, CHECK, RESULT = "data_dataset_version", "data_quality_check", "data_quality_result"


def upgrade() -> None:
    """Apply."""
    op.add_column(VERSION, sa.Column("held_for", sa.String(), nullable=True))
    op.add_column(VERSION, sa.Column("released_at", sa.BigInteger(), nullable=True))
    op.add_column(VERSION, sa.Column("released_by", sa.String(), nullable=True))
    op.add_column(VERSION, sa.Column("release_reason", sa.String(), nullable=True))
    op.create_table(
        CHECK,
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("dataset", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("severity", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["dataset"], ["data_dataset.name"], name="fk_data_quality_check_dataset"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_data_quality_check"),
    )
    op.create_index("ix_data_quality_check_dataset", CHECK, ["dataset"])
    op.create_table(
        RESULT,
        sa.Column("check_id", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("severity", sa.String(), nullable=False),
        sa.Column("value", sa.Float(), nullable=True),
        sa.Column("low", sa.Float(), nullable=True),
        sa.Column("high", sa.Float(), nullable=True),
        sa.Column("failing", sa.Integer(), nullable=True),
        sa.Column("rows", sa.JSON(), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("checked_at", sa.BigInteger(), nullable=False),
        sa.Column("checked_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["check_id"], ["data_quality_check.id"], name="fk_data_quality_result_check_id"
        ),
        sa.PrimaryKeyConstraint("check_id", "version", name="pk_data_quality_result"),
    )
