"""Policies with a name, the models that they are for, approvals and versions.

The gates that people set before a stage become the first version of a policy of the stage's name,
which is for all models. A promotion keeps which policy judged it.
"""

import hashlib
import json

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None

POLICY = "registry_policy"
BEFORE = sa.table(
    "registry_gate_policy",
    sa.column("stage", sa.String()),
    sa.column("gates", sa.JSON()),
    sa.column("changed_at", sa.BigInteger()),
    sa.column("changed_by", sa.String()),
)
APPROVALS = {"needed": 1, "four_eyes": False}


def upgrade() -> None:
    """Apply."""
    table = op.create_table(
        POLICY,
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("models", sa.JSON(), nullable=False),
        sa.Column("gates", sa.JSON(), nullable=False),
        sa.Column("approvals", sa.JSON(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("removed", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("name", "version", name="pk_registry_policy"),
    )
    assert table is not None
    rows = op.get_bind().execute(sa.select(BEFORE)).mappings().all()
    if rows:
        op.bulk_insert(table, [_policy(dict(row)) for row in rows])
    op.drop_table("registry_gate_policy")
    for column in ("policy", "decision_policy"):
        op.add_column("registry_promotion", sa.Column(column, sa.JSON(), nullable=True))


def _policy(row: dict[str, object]) -> dict[str, object]:
    content = {
        "name": row["stage"],
        "stage": row["stage"],
        "models": ["*"],
        "gates": row["gates"],
        "approvals": APPROVALS,
    }
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return {
        **content,
        "version": 1,
        "digest": hashlib.sha256(text.encode()).hexdigest(),
        "removed": False,
        "reason": "",
        "changed_at": row["changed_at"],
        "changed_by": row["changed_by"],
    }
