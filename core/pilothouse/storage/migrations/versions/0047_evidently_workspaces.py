"""Windows as Evidently workspaces, and snapshots that Evidently made."""

import sqlalchemy as sa
from alembic import op

revision = "0047"
down_revision = "0046"
branch_labels = None
depends_on = None

EXPORT, SNAPSHOT = "monitoring_window_export", "monitoring_evidently_run"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        EXPORT,
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("deployment", sa.String(), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("end", sa.BigInteger(), nullable=False),
        sa.Column("windows", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=True),
        sa.Column("bytes", sa.Integer(), nullable=False),
        sa.Column("requested_by", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["deployment"],
            ["deployments_deployment.name"],
            name="fk_monitoring_window_export_deployment_deployments_deployment",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_monitoring_window_export"),
    )
    op.create_index("ix_monitoring_window_export_deployment", EXPORT, ["deployment"])
    op.create_table(
        SNAPSHOT,
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("deployment", sa.String(), nullable=False),
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("figures", sa.JSON(), nullable=False),
        sa.Column("content", sa.String(), nullable=False),
        sa.Column("imported_at", sa.BigInteger(), nullable=False),
        sa.Column("imported_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["deployment"],
            ["deployments_deployment.name"],
            name="fk_monitoring_evidently_run_deployment_deployments_deployment",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_monitoring_evidently_run"),
        sa.UniqueConstraint(
            "deployment", "content", name="uq_monitoring_evidently_run_deployment_content"
        ),
    )
    op.create_index("ix_monitoring_evidently_run_deployment_at", SNAPSHOT, ["deployment", "at"])
