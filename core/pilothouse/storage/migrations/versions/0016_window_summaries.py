"""Windows of any task: what labels and answers were like, as numbers by title.

The columns of before stay, for the rows that have them are sealed with them; they may be empty
now. SQLite can drop NOT NULL only by rebuilding the table, to which others refer, so the column is
made again instead.
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

WINDOW, MONITOR = "monitoring_window", "monitoring_monitor"


def upgrade() -> None:
    """Apply."""
    op.add_column(WINDOW, sa.Column("label_summary", sa.JSON(), nullable=True))
    op.add_column(WINDOW, sa.Column("output_summary", sa.JSON(), nullable=True))
    op.add_column(WINDOW, sa.Column("positives_now", sa.Integer(), nullable=True))
    op.execute(f"UPDATE {WINDOW} SET positives_now = positives")
    op.execute(f"ALTER TABLE {WINDOW} DROP COLUMN positives")
    op.execute(f"ALTER TABLE {WINDOW} RENAME COLUMN positives_now TO positives")
    op.add_column(MONITOR, sa.Column("reference_rows", sa.Integer(), nullable=True))
