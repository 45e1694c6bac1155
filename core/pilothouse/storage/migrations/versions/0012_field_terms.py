"""Columns take the field's terms: `version`, `desired_state`, `serving_version`, `external_id`.

Only columns are renamed. Constraints keep the names they were created with: SQLite can rename one
only by rebuilding its table, and no program asks for them by name.
"""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

OF_VERSIONS = (
    "data_dataset_version",
    "deployments_deployment",
    "deployments_replica",
    "deployments_revision",
    "monitoring_reference",
    "monitoring_window",
    "registry_alias",
    "registry_promotion",
    "registry_stage_change",
    "registry_version",
    "registry_version_origin",
    "registry_version_tag",
)
RENAMED = (
    *((table, "number", "version") for table in OF_VERSIONS),
    ("deployments_deployment", "previous", "previous_version"),
    ("deployments_deployment", "serving", "serving_version"),
    ("deployments_deployment", "desired", "desired_state"),
    ("interop_imported", "theirs", "external_id"),
    ("interop_imported", "ours", "local_id"),
)


def upgrade() -> None:
    """Apply."""
    for table, old, new in RENAMED:
        op.execute(f"ALTER TABLE {table} RENAME COLUMN {old} TO {new}")
