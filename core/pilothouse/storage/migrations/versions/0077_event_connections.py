"""Connections to event systems: their states, positions, waiting labels and set-aside messages."""

import sqlalchemy as sa
from alembic import op

revision = "0077"
down_revision = "0076"
branch_labels = None
depends_on = None
CONNECTION = "interop_event_connection"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        CONNECTION,
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("flow", sa.String(), nullable=False),
        sa.Column("system", sa.String(), nullable=False),
        sa.Column("deployment", sa.String(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("removed_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=f"pk_{CONNECTION}"),
    )
    op.create_index(
        f"ix_{CONNECTION}_one_name",
        CONNECTION,
        ["name"],
        unique=True,
        sqlite_where=sa.text("removed_at IS NULL"),
        postgresql_where=sa.text("removed_at IS NULL"),
    )
    op.create_table(
        "interop_event_state",
        _connection_id("interop_event_state"),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("error", sa.String(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("messages", sa.BigInteger(), nullable=False),
        sa.Column("taken", sa.BigInteger(), nullable=False),
        sa.Column("set_aside", sa.BigInteger(), nullable=False),
        sa.Column("lag", sa.BigInteger(), nullable=True),
        sa.Column("last_at", sa.BigInteger(), nullable=True),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("connection_id", name="pk_interop_event_state"),
    )
    op.create_table(
        "interop_event_position",
        _connection_id("interop_event_position"),
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "connection_id", "topic", "partition", name="pk_interop_event_position"
        ),
    )
    _create_labels()
    _create_messages()


def _create_labels() -> None:
    op.create_table(
        "interop_event_labels",
        sa.Column("id", sa.String(), nullable=False),
        _connection_id("interop_event_labels"),
        sa.Column("deployment", sa.String(), nullable=False),
        sa.Column("stamp", sa.BigInteger(), nullable=False),
        sa.Column("labels", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_interop_event_labels"),
    )
    op.create_index(
        "ix_interop_event_labels_connection_id", "interop_event_labels", ["connection_id"]
    )


def _create_messages() -> None:
    op.create_table(
        "interop_event_message",
        sa.Column("id", sa.String(), nullable=False),
        _connection_id("interop_event_message"),
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=True),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("set_aside_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_interop_event_message"),
    )
    op.create_index(
        "ix_interop_event_message_connection_id_status",
        "interop_event_message",
        ["connection_id", "status"],
    )


def _connection_id(table: str) -> sa.Column[str]:
    key = sa.ForeignKey(f"{CONNECTION}.id", name=f"fk_{table}_connection_id")
    return sa.Column("connection_id", sa.String(), key, nullable=False)
