"""Evaluations: what a version was worth on a dataset version.

Written by Alembic's autogenerate against revision 0013, with the types as they were that day.
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "registry_evaluation",
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("dataset", sa.String(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("held_out", sa.String(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("metrics", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["model", "version"],
            ["registry_version.model", "registry_version.version"],
            name=op.f("fk_registry_evaluation_model"),
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["experiments_run.id"], name=op.f("fk_registry_evaluation_run_id")
        ),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_registry_evaluation")),
    )
    op.create_index(
        op.f("ix_registry_evaluation_model_version_created_at"),
        "registry_evaluation",
        ["model", "version", "created_at"],
    )
