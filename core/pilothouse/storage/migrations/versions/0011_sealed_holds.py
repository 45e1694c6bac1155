"""Holds are sealed in the activity log from now on.

The schema stays as it is: every row that has no seal gets one after a workspace was upgraded, and
this revision is what lets that happen to the holds of workspaces that have revision 0010.
"""

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
