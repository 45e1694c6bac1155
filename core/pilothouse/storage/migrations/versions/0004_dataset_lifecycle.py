"""Dataset versions that are archived or superseded, and what a failed job offers as the way on.

Written by Alembic's autogenerate against revision 0003, with the types as they were that day.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("data_dataset", sa.Column("last_number", sa.Integer(), nullable=True))
    op.add_column("data_dataset_version", sa.Column("breach", sa.String(), nullable=True))
    op.add_column("data_dataset_version", sa.Column("superseded_by", sa.String(), nullable=True))
    op.add_column("data_dataset_version", sa.Column("archived_at", sa.BigInteger(), nullable=True))
    op.add_column("jobs_job", sa.Column("remedy", sa.JSON(), nullable=True))
