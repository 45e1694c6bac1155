"""Model versions from elsewhere say how they are loaded, and people approve their code."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column(
        "registry_version", sa.Column("package", sa.JSON(none_as_null=True), nullable=True)
    )
    op.create_table(
        "registry_code_audit",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("badge", sa.String(), nullable=False),
        sa.Column("imports", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("unknown", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("audited_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registry_code_audit")),
    )
    op.create_table(
        "registry_code_approval",
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("imports", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("approved_by", sa.String(), nullable=False),
        sa.Column("approved_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_by", sa.String(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.Column("revoke_reason", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["model", "version"],
            ["registry_version.model", "registry_version.version"],
            name=op.f("fk_registry_code_approval_model"),
        ),
        sa.PrimaryKeyConstraint("model", "version", name=op.f("pk_registry_code_approval")),
    )
    op.create_table(
        "registry_inspection",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("facts", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("inspected_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registry_inspection")),
    )
