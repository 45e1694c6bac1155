"""Channels that alerts are delivered to, deliveries, and silences."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

CHANNEL, DELIVERY, ALERT = "monitoring_channel", "monitoring_delivery", "monitoring_alert"
LINK, SILENCE = "monitoring_delivery_alert", "monitoring_silence"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        CHANNEL,
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("severities", sa.JSON(), nullable=False),
        sa.Column("deployments", sa.JSON(), nullable=False),
        sa.Column("repeat_hours", sa.Float(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("removed_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{CHANNEL}")),
    )
    present = sa.text("removed_at IS NULL")
    op.create_index(
        f"ix_{CHANNEL}_one_name",
        CHANNEL,
        ["name"],
        unique=True,
        sqlite_where=present,
        postgresql_where=present,
    )
    op.create_table(
        DELIVERY,
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("channel_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("deployment", sa.String(), nullable=False),
        sa.Column("severity", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["channel_id"], [f"{CHANNEL}.id"], name=op.f(f"fk_{DELIVERY}_channel_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{DELIVERY}")),
    )
    op.create_index(op.f(f"ix_{DELIVERY}_channel_id"), DELIVERY, ["channel_id"])
    op.create_index(op.f(f"ix_{DELIVERY}_status_next_at"), DELIVERY, ["status", "next_at"])
    op.create_table(
        LINK,
        sa.Column("delivery_id", sa.String(), nullable=False),
        sa.Column("alert_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["delivery_id"], [f"{DELIVERY}.id"], name=op.f(f"fk_{LINK}_delivery_id")
        ),
        sa.ForeignKeyConstraint(["alert_id"], [f"{ALERT}.id"], name=op.f(f"fk_{LINK}_alert_id")),
        sa.PrimaryKeyConstraint("delivery_id", "alert_id", name=op.f(f"pk_{LINK}")),
    )
    op.create_index(op.f(f"ix_{LINK}_alert_id"), LINK, ["alert_id"])
    op.create_table(
        SILENCE,
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("deployment", sa.String(), nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("severity", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{SILENCE}")),
    )
    op.create_index(op.f(f"ix_{SILENCE}_ends_at"), SILENCE, ["ends_at"])
