"""What versions rest on: the runs and the logged models that stay as they are.

Written by Alembic's autogenerate against revision 0008, with the types as they were that day. The
versions that are there hold from now on what they were made of.
"""

import re

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

INSIDE = re.compile(r"(?:runs|models):/+[^/]+/*(.*?)/*")
ENDED = ("finished", "failed", "cancelled")


def upgrade() -> None:
    """Apply."""
    holds = op.create_table(
        "experiments_hold",
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("folder", sa.String(), nullable=True),
        sa.Column("closed", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("owner", "version", name=op.f("pk_experiments_hold")),
    )
    op.create_index(op.f("ix_experiments_hold_version"), "experiments_hold", ["version"])
    connection = op.get_bind()
    versions = connection.execute(
        sa.text(
            "SELECT v.model, v.number, v.run_id, r.status, v.import_source, o.source, "
            "o.logged_model FROM registry_version v "
            "LEFT JOIN experiments_run r ON r.id = v.run_id "
            "LEFT JOIN registry_version_origin o ON o.model = v.model AND o.number = v.number"
        )
    ).all()
    rows = [row for version in versions for row in _holds(*version)]
    if rows:
        connection.execute(sa.insert(holds), rows)


def _holds(
    model: str,
    number: int,
    run: str | None,
    status: str | None,
    imported: str,
    source: str | None,
    logged_model: str | None,
) -> list[dict[str, object]]:
    version = f"{model}@{number}"
    inside = INSIDE.fullmatch(source or "")
    rows: list[dict[str, object]] = []
    if run:
        of_run = inside[1] if inside and not logged_model else None
        folder = "model" if not imported else of_run
        closed = status in ENDED
        rows.append({"owner": run, "version": version, "folder": folder, "closed": closed})
    if logged_model:
        folder = inside[1] if inside else ""
        rows.append({"owner": logged_model, "version": version, "folder": folder, "closed": True})
    return rows
