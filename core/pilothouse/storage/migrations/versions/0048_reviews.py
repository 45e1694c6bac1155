"""Reviews with their agenda, their notes and their minutes."""

import sqlalchemy as sa
from alembic import op

revision = "0048"
down_revision = "0047"
branch_labels = None
depends_on = None

REVIEW = "reviews_review"
NOTE = "reviews_note"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        REVIEW,
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("people", sa.JSON(), nullable=False),
        sa.Column("agenda", sa.JSON(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=True),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("started_by", sa.String(), nullable=False),
        sa.Column("open", sa.Boolean(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_by", sa.String(), nullable=False),
        sa.Column("minutes", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_reviews_review"),
    )
    op.create_index(
        "ix_reviews_review_one_open",
        REVIEW,
        ["open"],
        unique=True,
        sqlite_where=sa.text("open"),
        postgresql_where=sa.text("open"),
    )
    op.create_table(
        NOTE,
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("review", sa.String(), nullable=False),
        sa.Column("item", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["review"], [f"{REVIEW}.id"], name="fk_reviews_note_review_reviews_review"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_reviews_note"),
    )
    op.create_index("ix_reviews_note_review", NOTE, ["review"])
