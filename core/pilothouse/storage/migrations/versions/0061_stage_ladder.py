"""The stages that a workspace has set; without a row the built-in ones hold."""

import sqlalchemy as sa
from alembic import op

revision = "0061"
down_revision = "0055"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "registry_stage_ladder",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("stages", sa.JSON(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_registry_stage_ladder"),
    )
