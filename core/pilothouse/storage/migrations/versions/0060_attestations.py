"""What people attest for maturity checks."""

import sqlalchemy as sa
from alembic import op

revision = "0060"
down_revision = "0056"
branch_labels = None
depends_on = None

ATTESTATION = "governance_attestation"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        ATTESTATION,
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("check_name", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_governance_attestation"),
    )
    op.create_index(
        "ix_governance_attestation_check_name_model", ATTESTATION, ["check_name", "model"]
    )
