"""The tables of the first voyage, frozen: later revisions change them, this one never.

Written by Alembic's autogenerate (`produce_migrations` and `render_python_code`) from
`Table.metadata` against an empty database, with `Utc` as BigInteger, `Json` as JSON and SQLModel's
`AutoString` as String, so that it needs nothing of Pilothouse.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "activity_entry",
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("verb", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("ref", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("before", sa.JSON(), nullable=True),
        sa.Column("after", sa.JSON(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("previous_hash", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_activity_entry")),
        sa.UniqueConstraint("hash", name=op.f("uq_activity_entry_hash")),
    )
    op.create_index(op.f("ix_activity_entry_at"), "activity_entry", ["at"], unique=False)
    op.create_index(op.f("ix_activity_entry_verb"), "activity_entry", ["verb"], unique=False)
    op.create_table(
        "data_dataset",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_data_dataset")),
        sa.UniqueConstraint("name", name=op.f("uq_data_dataset_name")),
    )
    op.create_table(
        "deployments_deployment",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("previous", sa.Integer(), nullable=True),
        sa.Column("desired", sa.String(), nullable=False),
        sa.Column("replicas", sa.Integer(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("serving", sa.Integer(), nullable=True),
        sa.Column("warm_until", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_deployments_deployment")),
    )
    op.create_index(
        op.f("ix_deployments_deployment_model"), "deployments_deployment", ["model"], unique=False
    )
    op.create_table(
        "deployments_route_generation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("value", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deployments_route_generation")),
    )
    op.create_table(
        "experiments_experiment",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("archived_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_experiments_experiment")),
        sa.UniqueConstraint("name", name=op.f("uq_experiments_experiment_name")),
    )
    op.create_table(
        "experiments_metric",
        sa.Column("series", sa.BigInteger(), nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("nan", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "series", "step", "at", "value", "nan", name=op.f("pk_experiments_metric")
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "jobs_job",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("args", sa.JSON(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("progress", sa.Float(), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("result", sa.JSON(), nullable=True),
        sa.Column("error", sa.String(), nullable=False),
        sa.Column("hint", sa.String(), nullable=False),
        sa.Column("subject_kind", sa.String(), nullable=False),
        sa.Column("subject_ref", sa.String(), nullable=False),
        sa.Column("requested_by", sa.String(), nullable=False),
        sa.Column("retry_of", sa.String(), nullable=True),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs_job")),
    )
    op.create_index(op.f("ix_jobs_job_created_at"), "jobs_job", ["created_at"], unique=False)
    op.create_index(op.f("ix_jobs_job_kind"), "jobs_job", ["kind"], unique=False)
    op.create_index(op.f("ix_jobs_job_status"), "jobs_job", ["status"], unique=False)
    op.create_index(op.f("ix_jobs_job_subject_ref"), "jobs_job", ["subject_ref"], unique=False)
    op.create_table(
        "jobs_schedule",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("cron", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("args", sa.JSON(), nullable=False),
        sa.Column("subject_kind", sa.String(), nullable=False),
        sa.Column("subject_ref", sa.String(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=True),
        sa.Column("last_job", sa.String(), nullable=True),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs_schedule")),
        sa.UniqueConstraint("name", name=op.f("uq_jobs_schedule_name")),
    )
    op.create_index(op.f("ix_jobs_schedule_next_at"), "jobs_schedule", ["next_at"], unique=False)
    op.create_table(
        "registry_gate_policy",
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("gates", sa.JSON(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("stage", name=op.f("pk_registry_gate_policy")),
    )
    op.create_table(
        "registry_model",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_registry_model")),
    )
    op.create_table(
        "data_dataset_version",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("dataset", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("content_hash", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("columns", sa.Integer(), nullable=False),
        sa.Column("bytes", sa.Integer(), nullable=False),
        sa.Column("columns_json", sa.JSON(), nullable=False),
        sa.Column("profile_json", sa.JSON(), nullable=False),
        sa.Column("contract_json", sa.JSON(), nullable=False),
        sa.Column("parent", sa.String(), nullable=True),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("licence", sa.String(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("event_time", sa.String(), nullable=True),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["dataset"], ["data_dataset.name"], name=op.f("fk_data_dataset_version_dataset")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_data_dataset_version")),
        sa.UniqueConstraint(
            "dataset", "content_hash", name=op.f("uq_data_dataset_version_dataset_content_hash")
        ),
        sa.UniqueConstraint(
            "dataset", "number", name=op.f("uq_data_dataset_version_dataset_number")
        ),
    )
    op.create_index(
        op.f("ix_data_dataset_version_content_hash"),
        "data_dataset_version",
        ["content_hash"],
        unique=False,
    )
    op.create_table(
        "deployments_replica",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("deployment", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=True),
        sa.Column("create_time", sa.Float(), nullable=True),
        sa.Column("socket", sa.String(), nullable=False),
        sa.Column("restarts", sa.Integer(), nullable=False),
        sa.Column("fast_crashes", sa.Integer(), nullable=False),
        sa.Column("last_exit", sa.String(), nullable=False),
        sa.Column("rss_bytes", sa.Integer(), nullable=False),
        sa.Column("observed_generation", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("ready_at", sa.BigInteger(), nullable=True),
        sa.Column("start_after", sa.BigInteger(), nullable=True),
        sa.Column("stopping_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["deployment"],
            ["deployments_deployment.name"],
            name=op.f("fk_deployments_replica_deployment"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deployments_replica")),
        sa.UniqueConstraint(
            "deployment",
            "number",
            "ordinal",
            name=op.f("uq_deployments_replica_deployment_number_ordinal"),
        ),
    )
    op.create_index(
        op.f("ix_deployments_replica_deployment"),
        "deployments_replica",
        ["deployment"],
        unique=False,
    )
    op.create_table(
        "deployments_revision",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("deployment", sa.String(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("signature", sa.JSON(), nullable=False),
        sa.Column("example", sa.JSON(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["deployment"],
            ["deployments_deployment.name"],
            name=op.f("fk_deployments_revision_deployment"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deployments_revision")),
        sa.UniqueConstraint(
            "deployment", "seq", name=op.f("uq_deployments_revision_deployment_seq")
        ),
    )
    op.create_index(
        op.f("ix_deployments_revision_deployment"),
        "deployments_revision",
        ["deployment"],
        unique=False,
    )
    op.create_table(
        "experiments_run",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("experiment_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("parent_id", sa.String(), nullable=True),
        sa.Column("job_id", sa.String(), nullable=True),
        sa.Column("user", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("commit", sa.String(), nullable=True),
        sa.Column("dirty", sa.Boolean(), nullable=True),
        sa.Column("seed", sa.BigInteger(), nullable=True),
        sa.Column("trainer", sa.String(), nullable=True),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("error", sa.String(), nullable=False),
        sa.Column("archived_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["experiment_id"],
            ["experiments_experiment.id"],
            name=op.f("fk_experiments_run_experiment_id"),
        ),
        sa.ForeignKeyConstraint(
            ["parent_id"], ["experiments_run.id"], name=op.f("fk_experiments_run_parent_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_experiments_run")),
    )
    op.create_index(
        op.f("ix_experiments_run_created_at"), "experiments_run", ["created_at"], unique=False
    )
    op.create_index(
        op.f("ix_experiments_run_experiment_id_created_at"),
        "experiments_run",
        ["experiment_id", "created_at"],
        unique=False,
    )
    op.create_index(op.f("ix_experiments_run_job_id"), "experiments_run", ["job_id"], unique=False)
    op.create_index(
        op.f("ix_experiments_run_parent_id"), "experiments_run", ["parent_id"], unique=False
    )
    op.create_index(op.f("ix_experiments_run_status"), "experiments_run", ["status"], unique=False)
    op.create_table(
        "jobs_step",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["jobs_job.id"], name=op.f("fk_jobs_step_job_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs_step")),
        sa.UniqueConstraint("job_id", "seq", name=op.f("uq_jobs_step_job_id_seq")),
    )
    op.create_index(op.f("ix_jobs_step_job_id"), "jobs_step", ["job_id"], unique=False)
    op.create_table(
        "monitoring_monitor",
        sa.Column("deployment", sa.String(), nullable=False),
        sa.Column("period", sa.String(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("min_rows", sa.Integer(), nullable=False),
        sa.Column("min_labelled", sa.Integer(), nullable=False),
        sa.Column("min_coverage", sa.Float(), nullable=False),
        sa.Column("drifted_share", sa.Float(), nullable=False),
        sa.Column("primary", sa.JSON(), nullable=False),
        sa.Column("limits", sa.JSON(), nullable=False),
        sa.Column("tolerances", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["deployment"],
            ["deployments_deployment.name"],
            name=op.f("fk_monitoring_monitor_deployment"),
        ),
        sa.PrimaryKeyConstraint("deployment", name=op.f("pk_monitoring_monitor")),
    )
    op.create_table(
        "monitoring_rule",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("deployment", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("signal", sa.String(), nullable=False),
        sa.Column("check", sa.String(), nullable=False),
        sa.Column("column", sa.String(), nullable=False),
        sa.Column("condition", sa.String(), nullable=False),
        sa.Column("threshold", sa.Float(), nullable=False),
        sa.Column("clear_threshold", sa.Float(), nullable=True),
        sa.Column("for_windows", sa.Integer(), nullable=False),
        sa.Column("clear_windows", sa.Integer(), nullable=False),
        sa.Column("severity", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["deployment"],
            ["deployments_deployment.name"],
            name=op.f("fk_monitoring_rule_deployment"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_monitoring_rule")),
        sa.UniqueConstraint("deployment", "name", name=op.f("uq_monitoring_rule_deployment_name")),
    )
    op.create_index(
        op.f("ix_monitoring_rule_deployment"), "monitoring_rule", ["deployment"], unique=False
    )
    op.create_table(
        "monitoring_window",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("deployment", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("end", sa.BigInteger(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("labelled", sa.Integer(), nullable=False),
        sa.Column("positives", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("drift_status", sa.String(), nullable=False),
        sa.Column("performance_status", sa.String(), nullable=False),
        sa.Column("columns", sa.Integer(), nullable=False),
        sa.Column("judged", sa.Integer(), nullable=False),
        sa.Column("drifted", sa.Integer(), nullable=False),
        sa.Column("figures", sa.JSON(), nullable=False),
        sa.Column("mean_score", sa.Float(), nullable=True),
        sa.Column("profile", sa.String(), nullable=False),
        sa.Column("content", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("evaluated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["deployment"],
            ["deployments_deployment.name"],
            name=op.f("fk_monitoring_window_deployment"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_monitoring_window")),
        sa.UniqueConstraint(
            "deployment",
            "start",
            "end",
            "model",
            "number",
            name=op.f("uq_monitoring_window_deployment_start_end_model_number"),
        ),
    )
    op.create_index(
        op.f("ix_monitoring_window_deployment_start"),
        "monitoring_window",
        ["deployment", "start"],
        unique=False,
    )
    op.create_table(
        "experiments_param",
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("number", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(
            ["run_id"], ["experiments_run.id"], name=op.f("fk_experiments_param_run_id")
        ),
        sa.PrimaryKeyConstraint("run_id", "key", name=op.f("pk_experiments_param")),
    )
    op.create_index(
        op.f("ix_experiments_param_key_number"),
        "experiments_param",
        ["key", "number"],
        unique=False,
    )
    op.create_index(
        op.f("ix_experiments_param_key_value"), "experiments_param", ["key", "value"], unique=False
    )
    op.create_table(
        "experiments_run_artifact",
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["experiments_run.id"], name=op.f("fk_experiments_run_artifact_run_id")
        ),
        sa.PrimaryKeyConstraint("run_id", "path", name=op.f("pk_experiments_run_artifact")),
    )
    op.create_index(
        op.f("ix_experiments_run_artifact_digest"),
        "experiments_run_artifact",
        ["digest"],
        unique=False,
    )
    op.create_table(
        "experiments_run_input",
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("dataset", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["experiments_run.id"], name=op.f("fk_experiments_run_input_run_id")
        ),
        sa.PrimaryKeyConstraint("run_id", "dataset", "role", name=op.f("pk_experiments_run_input")),
    )
    op.create_index(
        op.f("ix_experiments_run_input_dataset"), "experiments_run_input", ["dataset"], unique=False
    )
    op.create_table(
        "experiments_run_metric",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("first", sa.Float(), nullable=True),
        sa.Column("first_step", sa.BigInteger(), nullable=False),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.Float(), nullable=True),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.Column("min", sa.Float(), nullable=True),
        sa.Column("max", sa.Float(), nullable=True),
        sa.Column("best", sa.Float(), nullable=True),
        sa.Column("best_step", sa.BigInteger(), nullable=True),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["experiments_run.id"], name=op.f("fk_experiments_run_metric_run_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_experiments_run_metric")),
        sa.UniqueConstraint("run_id", "key", name=op.f("uq_experiments_run_metric_run_id_key")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_experiments_run_metric_key_last"),
        "experiments_run_metric",
        ["key", "last"],
        unique=False,
    )
    op.create_table(
        "experiments_run_tag",
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["experiments_run.id"], name=op.f("fk_experiments_run_tag_run_id")
        ),
        sa.PrimaryKeyConstraint("run_id", "key", name=op.f("pk_experiments_run_tag")),
    )
    op.create_index(
        op.f("ix_experiments_run_tag_key_value"),
        "experiments_run_tag",
        ["key", "value"],
        unique=False,
    )
    op.create_table(
        "monitoring_alert",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("rule_id", sa.String(), nullable=False),
        sa.Column("deployment", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("severity", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("breaches", sa.Integer(), nullable=False),
        sa.Column("score", sa.Float(), nullable=True),
        sa.Column("limit", sa.Float(), nullable=True),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("first_window", sa.String(), nullable=False),
        sa.Column("last_window", sa.String(), nullable=False),
        sa.Column("fired_window", sa.String(), nullable=True),
        sa.Column("fired_revision", sa.Integer(), nullable=True),
        sa.Column("closed_through", sa.BigInteger(), nullable=True),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("fired_at", sa.BigInteger(), nullable=True),
        sa.Column("acknowledged_at", sa.BigInteger(), nullable=True),
        sa.Column("acknowledged_by", sa.String(), nullable=False),
        sa.Column("resolved_at", sa.BigInteger(), nullable=True),
        sa.Column("resolved_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["fired_window"],
            ["monitoring_window.id"],
            name=op.f("fk_monitoring_alert_fired_window"),
        ),
        sa.ForeignKeyConstraint(
            ["first_window"],
            ["monitoring_window.id"],
            name=op.f("fk_monitoring_alert_first_window"),
        ),
        sa.ForeignKeyConstraint(
            ["last_window"], ["monitoring_window.id"], name=op.f("fk_monitoring_alert_last_window")
        ),
        sa.ForeignKeyConstraint(
            ["rule_id"], ["monitoring_rule.id"], name=op.f("fk_monitoring_alert_rule_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_monitoring_alert")),
    )
    op.create_index(
        op.f("ix_monitoring_alert_deployment_opened_at"),
        "monitoring_alert",
        ["deployment", "opened_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_monitoring_alert_fired_window"), "monitoring_alert", ["fired_window"], unique=False
    )
    op.create_index(
        "ix_monitoring_alert_one_open",
        "monitoring_alert",
        ["fingerprint"],
        unique=True,
        sqlite_where=sa.text("state <> 'resolved'"),
        postgresql_where=sa.text("state <> 'resolved'"),
    )
    op.create_index(
        op.f("ix_monitoring_alert_rule_id"), "monitoring_alert", ["rule_id"], unique=False
    )
    op.create_index(op.f("ix_monitoring_alert_state"), "monitoring_alert", ["state"], unique=False)
    op.create_table(
        "monitoring_report",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("window_id", sa.String(), nullable=False),
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=True),
        sa.Column("bytes", sa.Integer(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("reference_rows", sa.Integer(), nullable=False),
        sa.Column("sampling", sa.JSON(), nullable=False),
        sa.Column("requested_by", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["window_id"], ["monitoring_window.id"], name=op.f("fk_monitoring_report_window_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_monitoring_report")),
    )
    op.create_index(
        op.f("ix_monitoring_report_window_id"), "monitoring_report", ["window_id"], unique=False
    )
    op.create_table(
        "monitoring_result",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("window_id", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("signal", sa.String(), nullable=False),
        sa.Column("check", sa.String(), nullable=False),
        sa.Column("column", sa.String(), nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("direction", sa.String(), nullable=False),
        sa.Column("score", sa.Float(), nullable=True),
        sa.Column("warn", sa.Float(), nullable=True),
        sa.Column("threshold", sa.Float(), nullable=True),
        sa.Column("reference", sa.Float(), nullable=True),
        sa.Column("n_reference", sa.Integer(), nullable=False),
        sa.Column("n_current", sa.Integer(), nullable=False),
        sa.Column("primary", sa.Boolean(), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["window_id"], ["monitoring_window.id"], name=op.f("fk_monitoring_result_window_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_monitoring_result")),
        sa.UniqueConstraint(
            "window_id",
            "revision",
            "signal",
            "check",
            "column",
            name=op.f("uq_monitoring_result_window_id_revision_signal_check_column"),
        ),
    )
    op.create_index(
        op.f("ix_monitoring_result_check_column"),
        "monitoring_result",
        ["check", "column"],
        unique=False,
    )
    op.create_table(
        "registry_version",
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.String(), nullable=True),
        sa.Column("import_source", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("signature", sa.JSON(), nullable=False),
        sa.Column("input_example", sa.JSON(), nullable=False),
        sa.Column("metrics", sa.JSON(), nullable=False),
        sa.Column("dataset", sa.String(), nullable=False),
        sa.Column("held_out", sa.String(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.CheckConstraint("run_id IS NOT NULL OR import_source <> ''", name="has_a_source"),
        sa.CheckConstraint("length(digest) = 64", name="has_an_artifact"),
        sa.ForeignKeyConstraint(
            ["model"], ["registry_model.name"], name=op.f("fk_registry_version_model")
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["experiments_run.id"], name=op.f("fk_registry_version_run_id")
        ),
        sa.PrimaryKeyConstraint("model", "number", name=op.f("pk_registry_version")),
    )
    op.create_index(
        op.f("ix_registry_version_model_stage"),
        "registry_version",
        ["model", "stage"],
        unique=False,
    )
    op.create_index(
        op.f("ix_registry_version_run_id"), "registry_version", ["run_id"], unique=False
    )
    op.create_table(
        "monitoring_alert_event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("alert_id", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("before", sa.String(), nullable=False),
        sa.Column("after", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("window_id", sa.String(), nullable=True),
        sa.Column("note", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["alert_id"], ["monitoring_alert.id"], name=op.f("fk_monitoring_alert_event_alert_id")
        ),
        sa.ForeignKeyConstraint(
            ["window_id"],
            ["monitoring_window.id"],
            name=op.f("fk_monitoring_alert_event_window_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_monitoring_alert_event")),
    )
    op.create_index(
        op.f("ix_monitoring_alert_event_alert_id"),
        "monitoring_alert_event",
        ["alert_id"],
        unique=False,
    )
    op.create_table(
        "monitoring_reference",
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["model", "number"],
            ["registry_version.model", "registry_version.number"],
            name=op.f("fk_monitoring_reference_model_number"),
        ),
        sa.PrimaryKeyConstraint("model", "number", name=op.f("pk_monitoring_reference")),
    )
    op.create_table(
        "registry_alias",
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("alias", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["model", "number"],
            ["registry_version.model", "registry_version.number"],
            name=op.f("fk_registry_alias_model_number"),
        ),
        sa.PrimaryKeyConstraint("model", "alias", name=op.f("pk_registry_alias")),
    )
    op.create_table(
        "registry_promotion",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("requested_by", sa.String(), nullable=False),
        sa.Column("requested_at", sa.BigInteger(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("evidence_hash", sa.String(), nullable=False),
        sa.Column("verdicts", sa.JSON(), nullable=False),
        sa.Column("decided_by", sa.String(), nullable=False),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("decision_reason", sa.String(), nullable=False),
        sa.Column("decision_evidence", sa.JSON(), nullable=True),
        sa.Column("decision_evidence_hash", sa.String(), nullable=False),
        sa.Column("decision_verdicts", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(
            ["model", "number"],
            ["registry_version.model", "registry_version.number"],
            name=op.f("fk_registry_promotion_model_number"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registry_promotion")),
    )
    op.create_index(
        "ix_registry_promotion_one_pending",
        "registry_promotion",
        ["model", "number"],
        unique=True,
        sqlite_where=sa.text("status = 'pending'"),
        postgresql_where=sa.text("status = 'pending'"),
    )
    op.create_index(
        op.f("ix_registry_promotion_status_requested_at"),
        "registry_promotion",
        ["status", "requested_at"],
        unique=False,
    )
    op.create_table(
        "registry_stage_change",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("before", sa.String(), nullable=False),
        sa.Column("after", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("promotion_id", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["model", "number"],
            ["registry_version.model", "registry_version.number"],
            name=op.f("fk_registry_stage_change_model_number"),
        ),
        sa.ForeignKeyConstraint(
            ["promotion_id"],
            ["registry_promotion.id"],
            name=op.f("fk_registry_stage_change_promotion_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registry_stage_change")),
    )
    op.create_index(
        op.f("ix_registry_stage_change_model_at"),
        "registry_stage_change",
        ["model", "at"],
        unique=False,
    )
