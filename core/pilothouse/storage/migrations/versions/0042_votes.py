"""Votes on promotions, how they were counted, and overrides of gates."""

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision = "0040"
branch_labels = None
depends_on = None

VOTE = "registry_vote"
OVERRIDE = "registry_override"


def upgrade() -> None:
    """Apply."""
    op.add_column("registry_promotion", sa.Column("approvals", sa.JSON(), nullable=True))
    op.create_table(
        VOTE,
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("promotion_id", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("approve", sa.Boolean(), nullable=False),
        sa.Column("comment", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["promotion_id"],
            ["registry_promotion.id"],
            name="fk_registry_vote_promotion_id_registry_promotion",
        ),
        sa.ForeignKeyConstraint(
            ["model", "version"],
            ["registry_version.model", "registry_version.version"],
            name="fk_registry_vote_model_version_registry_version",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_registry_vote"),
    )
    op.create_index("ix_registry_vote_promotion_id", VOTE, ["promotion_id"])
    op.create_table(
        OVERRIDE,
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("promotion_id", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("gate", sa.String(), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["promotion_id"],
            ["registry_promotion.id"],
            name="fk_registry_override_promotion_id_registry_promotion",
        ),
        sa.ForeignKeyConstraint(
            ["model", "version"],
            ["registry_version.model", "registry_version.version"],
            name="fk_registry_override_model_version_registry_version",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_registry_override"),
    )
    op.create_index("ix_registry_override_promotion_id", OVERRIDE, ["promotion_id"])
