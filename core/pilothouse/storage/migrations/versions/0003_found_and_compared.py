"""Blocks of histories, notes on metrics, saved views; webhooks and what was brought from elsewhere.

Indexes that answer a page of a run table by themselves take the place of narrower ones.

Written by Alembic's autogenerate against revision 0002, with the types as they were that day.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None
KEYED = {
    "metric": "experiments_run_metric",
    "param": "experiments_param",
    "tag": "experiments_run_tag",
}
REPLACED = {
    "ix_experiments_run_experiment_id_created_at": "experiments_run",
    "ix_experiments_param_key_number": "experiments_param",
    "ix_experiments_param_key_value": "experiments_param",
    "ix_experiments_run_metric_key_last": "experiments_run_metric",
    "ix_experiments_run_tag_key_value": "experiments_run_tag",
}
INDEXES = {
    "ix_experiments_run_newest": (
        "experiments_run",
        ["experiment_id", "archived_at", "created_at", "id"],
    ),
    "ix_experiments_run_asked": (
        "experiments_run",
        ["id", "archived_at", "experiment_id", "parent_id", "status", "trainer", "created_at"],
    ),
    "ix_experiments_run_trainer": ("experiments_run", ["trainer"]),
    "ix_experiments_run_user": ("experiments_run", ["user"]),
    "ix_experiments_param_number": ("experiments_param", ["key", "number", "value", "run_id"]),
    "ix_experiments_param_value": ("experiments_param", ["key", "value", "run_id"]),
    "ix_experiments_run_metric_last": (
        "experiments_run_metric",
        ["key", "last", "id", "run_id", "best", "min", "max", "first"],
    ),
    "ix_experiments_run_tag_value": ("experiments_run_tag", ["key", "value", "run_id"]),
}


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "experiments_block",
        sa.Column("series", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("series", name=op.f("pk_experiments_block")),
    )
    op.create_table(
        "experiments_metric_note",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=True),
        sa.Column("direction", sa.String(), nullable=True),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("format", sa.String(), nullable=True),
        sa.Column("target", sa.Float(), nullable=True),
        sa.Column("tolerance", sa.Float(), nullable=True),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_experiments_metric_note")),
    )
    op.create_table(
        "experiments_view",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("state", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_experiments_view")),
        sa.UniqueConstraint("owner", "name", name=op.f("uq_experiments_view_owner_name")),
    )
    op.create_table(
        "interop_imported",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("theirs", sa.String(), nullable=False),
        sa.Column("ours", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("imported_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("source", "kind", "theirs", name=op.f("pk_interop_imported")),
    )
    op.create_table(
        "interop_webhook",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("secret", sa.String(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("events", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_interop_webhook")),
    )
    op.create_table(
        "interop_delivery",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("webhook_id", sa.String(), nullable=False),
        sa.Column("entity", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("payload", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("code", sa.Integer(), nullable=True),
        sa.Column("error", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["webhook_id"], ["interop_webhook.id"], name=op.f("fk_interop_delivery_webhook_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_interop_delivery")),
    )
    op.create_index(
        op.f("ix_interop_delivery_status_next_at"),
        "interop_delivery",
        ["status", "next_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_interop_delivery_webhook_id"), "interop_delivery", ["webhook_id"], unique=False
    )
    op.add_column("experiments_run", sa.Column("compacted_at", sa.BigInteger(), nullable=True))
    op.create_index(
        "ix_experiments_run_uncompacted",
        "experiments_run",
        ["ended_at"],
        unique=False,
        sqlite_where=sa.text("compacted_at IS NULL"),
        postgresql_where=sa.text("compacted_at IS NULL"),
    )
    op.create_table(
        "experiments_known_key",
        sa.Column("experiment_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["experiment_id"],
            ["experiments_experiment.id"],
            name=op.f("fk_experiments_known_key_experiment_id"),
        ),
        sa.PrimaryKeyConstraint(
            "experiment_id", "kind", "key", name=op.f("pk_experiments_known_key")
        ),
    )
    for kind, table in KEYED.items():
        op.execute(
            "INSERT INTO experiments_known_key (experiment_id, kind, key) "
            f"SELECT DISTINCT r.experiment_id, '{kind}', k.key "
            f"FROM {table} k JOIN experiments_run r ON r.id = k.run_id"
        )
    for name, table in REPLACED.items():
        op.drop_index(name, table_name=table)
    for name, (table, columns) in INDEXES.items():
        op.create_index(name, table, columns)
