"""What other trackers' protocols need: tags, logged datasets and models, where versions come from.

Written by Alembic's autogenerate against revision 0001, with the types as they were that day.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "experiments_file",
        sa.Column("root", sa.String(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("root", "path", name=op.f("pk_experiments_file")),
    )
    op.create_index(
        op.f("ix_experiments_file_digest"), "experiments_file", ["digest"], unique=False
    )
    op.create_table(
        "experiments_experiment_tag",
        sa.Column("experiment_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["experiment_id"],
            ["experiments_experiment.id"],
            name=op.f("fk_experiments_experiment_tag_experiment_id"),
        ),
        sa.PrimaryKeyConstraint("experiment_id", "key", name=op.f("pk_experiments_experiment_tag")),
    )
    op.create_table(
        "experiments_logged_model",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("experiment_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("status_message", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("archived_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["experiment_id"],
            ["experiments_experiment.id"],
            name=op.f("fk_experiments_logged_model_experiment_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_experiments_logged_model")),
    )
    op.create_index(
        op.f("ix_experiments_logged_model_experiment_id_created_at"),
        "experiments_logged_model",
        ["experiment_id", "created_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_experiments_logged_model_name"), "experiments_logged_model", ["name"], unique=False
    )
    op.create_index(
        op.f("ix_experiments_logged_model_run_id"),
        "experiments_logged_model",
        ["run_id"],
        unique=False,
    )
    op.create_table(
        "experiments_source",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("experiment_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("source_type", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("columns", sa.String(), nullable=False),
        sa.Column("profile", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["experiment_id"],
            ["experiments_experiment.id"],
            name=op.f("fk_experiments_source_experiment_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_experiments_source")),
        sa.UniqueConstraint(
            "experiment_id",
            "name",
            "digest",
            name=op.f("uq_experiments_source_experiment_id_name_digest"),
        ),
    )
    op.create_table(
        "registry_model_tag",
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["model"], ["registry_model.name"], name=op.f("fk_registry_model_tag_model")
        ),
        sa.PrimaryKeyConstraint("model", "key", name=op.f("pk_registry_model_tag")),
    )
    op.create_table(
        "experiments_logged_model_metric",
        sa.Column("model_id", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("value", sa.Float(), nullable=True),
        sa.Column("dataset_name", sa.String(), nullable=False),
        sa.Column("dataset_digest", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["model_id"],
            ["experiments_logged_model.id"],
            name=op.f("fk_experiments_logged_model_metric_model_id"),
        ),
        sa.PrimaryKeyConstraint(
            "model_id",
            "key",
            "step",
            "at",
            "run_id",
            name=op.f("pk_experiments_logged_model_metric"),
        ),
    )
    op.create_index(
        op.f("ix_experiments_logged_model_metric_key_value"),
        "experiments_logged_model_metric",
        ["key", "value"],
        unique=False,
    )
    op.create_table(
        "experiments_logged_model_param",
        sa.Column("model_id", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["model_id"],
            ["experiments_logged_model.id"],
            name=op.f("fk_experiments_logged_model_param_model_id"),
        ),
        sa.PrimaryKeyConstraint("model_id", "key", name=op.f("pk_experiments_logged_model_param")),
    )
    op.create_table(
        "experiments_logged_model_tag",
        sa.Column("model_id", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["model_id"],
            ["experiments_logged_model.id"],
            name=op.f("fk_experiments_logged_model_tag_model_id"),
        ),
        sa.PrimaryKeyConstraint("model_id", "key", name=op.f("pk_experiments_logged_model_tag")),
    )
    op.create_table(
        "experiments_run_model",
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("model_id", sa.String(), nullable=False),
        sa.Column("direction", sa.String(), nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["model_id"],
            ["experiments_logged_model.id"],
            name=op.f("fk_experiments_run_model_model_id"),
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["experiments_run.id"], name=op.f("fk_experiments_run_model_run_id")
        ),
        sa.PrimaryKeyConstraint(
            "run_id", "model_id", "direction", name=op.f("pk_experiments_run_model")
        ),
    )
    op.create_index(
        op.f("ix_experiments_run_model_model_id"),
        "experiments_run_model",
        ["model_id"],
        unique=False,
    )
    op.create_table(
        "experiments_source_use",
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["experiments_run.id"], name=op.f("fk_experiments_source_use_run_id")
        ),
        sa.ForeignKeyConstraint(
            ["source_id"],
            ["experiments_source.id"],
            name=op.f("fk_experiments_source_use_source_id"),
        ),
        sa.PrimaryKeyConstraint("run_id", "source_id", name=op.f("pk_experiments_source_use")),
    )
    op.create_index(
        op.f("ix_experiments_source_use_source_id"),
        "experiments_source_use",
        ["source_id"],
        unique=False,
    )
    op.create_table(
        "registry_version_origin",
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("location", sa.String(), nullable=False),
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("run_link", sa.String(), nullable=False),
        sa.Column("logged_model", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["model", "number"],
            ["registry_version.model", "registry_version.number"],
            name=op.f("fk_registry_version_origin_model_number"),
        ),
        sa.PrimaryKeyConstraint("model", "number", name=op.f("pk_registry_version_origin")),
    )
    op.create_index(
        op.f("ix_registry_version_origin_logged_model"),
        "registry_version_origin",
        ["logged_model"],
        unique=False,
    )
    op.create_table(
        "registry_version_tag",
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["model", "number"],
            ["registry_version.model", "registry_version.number"],
            name=op.f("fk_registry_version_tag_model_number"),
        ),
        sa.PrimaryKeyConstraint("model", "number", "key", name=op.f("pk_registry_version_tag")),
    )
    op.add_column("experiments_experiment", sa.Column("updated_at", sa.BigInteger(), nullable=True))
    op.add_column(
        "experiments_experiment", sa.Column("artifact_location", sa.String(), nullable=True)
    )
    op.add_column("registry_model", sa.Column("updated_at", sa.BigInteger(), nullable=True))
    op.add_column("registry_model", sa.Column("last_number", sa.Integer(), nullable=True))
    op.add_column("registry_version", sa.Column("updated_at", sa.BigInteger(), nullable=True))
