"""Comments with their mentions, and who looks after a promotion or an alert."""

import sqlalchemy as sa
from alembic import op

revision = "0049"
down_revision = "0048"
branch_labels = None
depends_on = None

COMMENT = "comments_comment"
MENTION = "comments_mention"
ASSIGNMENT = "attention_assignment"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        COMMENT,
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("ref", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("edited_at", sa.BigInteger(), nullable=True),
        sa.Column("removed_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_comments_comment"),
    )
    op.create_index("ix_comments_comment_kind_ref", COMMENT, ["kind", "ref"])
    op.create_table(
        MENTION,
        sa.Column("comment_id", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["comment_id"],
            [f"{COMMENT}.id"],
            name="fk_comments_mention_comment_id_comments_comment",
        ),
        sa.PrimaryKeyConstraint("comment_id", "person", name="pk_comments_mention"),
    )
    op.create_index("ix_comments_mention_person", MENTION, ["person"])
    op.create_table(
        ASSIGNMENT,
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("ref", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("assigned_at", sa.BigInteger(), nullable=False),
        sa.Column("assigned_by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "ref", name="pk_attention_assignment"),
    )
    op.create_index("ix_attention_assignment_person", ASSIGNMENT, ["person"])
