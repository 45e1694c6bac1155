"""People with their rights, and whom an account of the operating system acts as."""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

PERSON = "people_person"
CHOICE = "people_account_choice"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        PERSON,
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("rights", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_people_person"),
    )
    op.create_table(
        CHOICE,
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("chosen_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["person"], [f"{PERSON}.name"], name="fk_people_account_choice_person_people_person"
        ),
        sa.PrimaryKeyConstraint("account", name="pk_people_account_choice"),
    )
