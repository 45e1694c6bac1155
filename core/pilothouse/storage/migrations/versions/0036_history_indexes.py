"""Indexes for the history of models, and for what was in production on any date."""

from alembic import op

revision = "0036"
down_revision = "0030"
branch_labels = None
depends_on = None

INDEXES = (
    ("registry_version", ("model", "created_at", "version")),
    ("registry_version", ("created_at",)),
    ("registry_stage_change", ("after", "at")),
    ("registry_stage_change", ("model", "version", "at")),
    ("registry_stage_change", ("at",)),
    ("registry_promotion", ("model", "requested_at")),
    ("registry_promotion", ("requested_at",)),
    ("registry_promotion", ("model", "decided_at")),
    ("registry_promotion", ("decided_at",)),
    ("deployments_revision", ("deployment", "at", "seq")),
    ("deployments_revision", ("model", "at")),
    ("deployments_revision", ("at",)),
    ("monitoring_alert_event", ("at",)),
    ("monitoring_window", ("model", "version", "created_at")),
    ("pipelines_retraining_decision", ("at",)),
    ("data_dataset_version", ("created_at",)),
    ("activity_entry", ("kind", "at")),
)


def upgrade() -> None:
    """Apply."""
    for table, columns in INDEXES:
        op.create_index("_".join(("ix", table, *columns)), table, list(columns))
