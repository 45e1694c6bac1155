"""The sources that datasets are refreshed from, of every kind; those in databases move there."""

import json
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0070"
down_revision = "0069"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "data_dataset_source",
        sa.Column("dataset", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("identity", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("about", sa.JSON(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["dataset"],
            ["data_dataset.name"],
            name="fk_data_dataset_source_dataset",
        ),
        sa.PrimaryKeyConstraint("dataset", name="pk_data_dataset_source"),
    )
    _move_databases()
    op.drop_table("data_sql_source")
    _rename_jobs()


def _move_databases() -> None:
    connection = op.get_bind()
    source = sa.table(
        "data_dataset_source",
        sa.column("dataset"),
        sa.column("kind"),
        sa.column("settings", sa.JSON()),
        sa.column("identity"),
        sa.column("about", sa.JSON()),
        sa.column("changed_at"),
        sa.column("changed_by"),
    )
    query = (
        "SELECT dataset, url, statement, secret, max_rows, max_seconds, about, changed_at, "
        "changed_by FROM data_sql_source"
    )
    for row in connection.execute(sa.text(query)).mappings():
        about = json.loads(row["about"]) if isinstance(row["about"], str) else row["about"]
        connection.execute(
            source.insert().values(
                dataset=row["dataset"],
                kind="sql",
                settings=_settings(dict(row)),
                identity="",
                about=about,
                changed_at=row["changed_at"],
                changed_by=row["changed_by"],
            )
        )


def _rename_jobs() -> None:
    """Registrations from databases that wait, or may be started again, are of the new workflow."""
    connection = op.get_bind()
    job = sa.table("jobs_job", sa.column("id"), sa.column("kind"), sa.column("args", sa.JSON()))
    query = sa.select(job.c.id, job.c.args).where(job.c.kind == "register_sql")
    for identifier, args in connection.execute(query).all():
        moved = {
            "name": args["name"],
            "kind": "sql",
            "settings": _settings(args["query"]),
            "about": args.get("about") or {},
        }
        change = job.update().where(job.c.id == identifier)
        connection.execute(change.values(kind="register_source", args=moved))


def _settings(query: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "url": query["url"],
        "table": "",
        "query": query["statement"],
        "secret": query["secret"],
        "max_rows": query["max_rows"],
        "max_seconds": query["max_seconds"],
    }
