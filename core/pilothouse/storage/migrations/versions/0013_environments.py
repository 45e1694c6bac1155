"""Environments that models run in, and what runs in each."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "environments_environment",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=True),
        sa.Column("same_as", sa.String(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("request", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("python", sa.String(), nullable=False),
        sa.Column("platform", sa.String(), nullable=False),
        sa.Column("interpreter", sa.String(), nullable=False),
        sa.Column("lock", sa.String(), nullable=False),
        sa.Column("packages", sa.Integer(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("own_bytes", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("failure", sa.String(), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("hint", sa.String(), nullable=False),
        sa.Column("notes", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("job", sa.String(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("built_at", sa.BigInteger(), nullable=True),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["same_as"],
            ["environments_environment.id"],
            name=op.f("fk_environments_environment_same_as"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_environments_environment")),
        sa.UniqueConstraint("hash", name=op.f("uq_environments_environment_hash")),
    )
    for column in ("same_as", "state"):
        op.create_index(
            op.f(f"ix_environments_environment_{column}"),
            "environments_environment",
            [column],
            unique=False,
        )
    op.create_table(
        "environments_use",
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("environment", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("failure", sa.String(), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("hint", sa.String(), nullable=False),
        sa.Column("job", sa.String(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("checked_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["environment"],
            ["environments_environment.id"],
            name=op.f("fk_environments_use_environment"),
        ),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_environments_use")),
    )
    op.create_index(
        op.f("ix_environments_use_environment"), "environments_use", ["environment"], unique=False
    )
