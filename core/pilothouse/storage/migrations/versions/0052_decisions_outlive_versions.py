"""Decisions stay when their version is deleted, and the built-in policy has two editions.

Promotions, votes, overrides and moves no longer refer to a version that must exist. A workspace in
which something has happened keeps the built-in policy that it had, the basic one.
"""

import re

import sqlalchemy as sa
from alembic import op

revision = "0052"
down_revision = "0060"
branch_labels = None
depends_on = None

PROMOTION, VERSION, BUILT_IN = "registry_promotion", "registry_version", "registry_built_in_policy"
CHILDREN = ("registry_vote", "registry_override", "registry_stage_change")
TO_VERSION = re.compile(
    r',\s*CONSTRAINT \w+ FOREIGN KEY\s*\([^)]*\)\s*REFERENCES\s+"?registry_version"?\s*\([^)]*\)'
)
KEPT = "kept when this release came: it has another one for new workspaces"


def upgrade() -> None:
    """Apply."""
    if op.get_bind().dialect.name == "sqlite":
        _rebuild_on_sqlite()
    else:
        for name in (PROMOTION, *CHILDREN):
            for key in sa.inspect(op.get_bind()).get_foreign_keys(name):
                if key["referred_table"] == VERSION:
                    op.drop_constraint(str(key["name"]), name, type_="foreignkey")
    table = op.create_table(
        BUILT_IN,
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("edition", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_registry_built_in_policy"),
    )
    assert table is not None
    newest = op.get_bind().execute(sa.text("SELECT MAX(at) FROM activity_entry")).scalar()
    if newest is not None:
        row = {"edition": "basic", "reason": KEPT, "changed_at": newest, "changed_by": ""}
        op.bulk_insert(table, [row])


def _rebuild_on_sqlite() -> None:
    """SQLite drops no constraint: tables are made anew, and what refers to them before they go."""
    _copy(PROMOTION)
    for child in CHILDREN:
        indexes = _indexes(child)
        _copy(child)
        _replace(child, indexes)
    _replace(PROMOTION, _indexes(PROMOTION))


def _copy(table: str) -> None:
    """The table as `…_new`, without its reference to a version, with its rows."""
    query = sa.text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :name")
    text = str(op.get_bind().execute(query, {"name": table}).scalar_one())
    text, count = TO_VERSION.subn("", text)
    assert count == 1, f"{table} has no reference to a version"
    text = re.sub(rf'^CREATE TABLE "?{table}"?', f"CREATE TABLE {table}_new", text)
    text = re.sub(rf'REFERENCES "?{PROMOTION}"?', f"REFERENCES {PROMOTION}_new", text)
    op.execute(sa.text(text.replace(":", "\\:")))
    op.execute(f"INSERT INTO {table}_new SELECT * FROM {table}")


def _indexes(table: str) -> list[str]:
    query = "SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = :name AND sql <> ''"
    return list(op.get_bind().execute(sa.text(query), {"name": table}).scalars())


def _replace(table: str, indexes: list[str]) -> None:
    """Put the copy in the place of the table."""
    op.drop_table(table)
    op.rename_table(f"{table}_new", table)
    for text in indexes:
        op.execute(text)
