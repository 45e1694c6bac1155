"""How the content of a dataset version was read.

Written by Alembic's autogenerate against revision 0009, with the types as they were that day.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("data_dataset_version", sa.Column("reading_json", sa.JSON(), nullable=True))
