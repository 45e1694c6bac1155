"""Imports read more trackers than MLflow: their kind of job is named after what they do."""

from alembic import op

revision = "0063"
down_revision = "0062"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.execute("UPDATE jobs_job SET kind = 'import_history' WHERE kind = 'import_mlflow'")
