"""Every room's tables, for code that needs the whole schema."""

import pilothouse.activity.tables
import pilothouse.attention.tables
import pilothouse.comments.tables
import pilothouse.data.tables
import pilothouse.deployments.tables
import pilothouse.environments.tables
import pilothouse.experiments.tables
import pilothouse.features.tables
import pilothouse.governance.tables
import pilothouse.interop.tables
import pilothouse.jobs.tables
import pilothouse.monitoring.tables
import pilothouse.people.tables
import pilothouse.pipelines.tables
import pilothouse.registry.tables
import pilothouse.reviews.tables  # noqa: F401

# What people call the rows of a table, where they are named one by one.
TABLE_NOUNS = {
    "activity_entry": "entry",
    "attention_assignment": "assignment of",
    "comments_comment": "comment",
    "data_dataset": "dataset",
    "data_dataset_version": "dataset version",
    "data_dataset_source": "source of dataset",
    "data_personal_column": "personal data in column",
    "data_quality_check": "quality check",
    "data_quality_result": "result of quality check",
    "data_version_erasure": "erasure of rows of",
    "data_datasheet_revision": "datasheet revision",
    "deployments_api_key": "API key",
    "deployments_call_rule": "limits of",
    "deployments_deployment": "deployment",
    "deployments_feature_rule": "features of",
    "deployments_log_deletion": "deletion of rows",
    "deployments_log_rule": "rules of the log of",
    "deployments_revision": "revision",
    "deployments_scale_rule": "number of processes of",
    "deployments_sleep_rule": "sleep of",
    "deployments_stage_rule": "stage of",
    "experiments_hold": "hold on",
    "experiments_metric_note": "note on the metric",
    "experiments_written_model": "model file trusted as",
    "features_store": "feature store",
    "governance_attestation": "attestation",
    "governance_outcome_decision": "decision on the outcome of promotion",
    "interop_erasure": "erasure",
    "interop_event_connection": "event connection",
    "interop_webhook": "webhook",
    "jobs_schedule": "schedule",
    "monitoring_alert": "alert",
    "monitoring_alert_event": "transition of an alert",
    "monitoring_channel": "channel",
    "monitoring_monitor": "monitor of",
    "monitoring_deployment_reference": "reference of deployment",
    "monitoring_reference": "reference of",
    "monitoring_result": "results of window",
    "monitoring_rule": "alert rule",
    "monitoring_silence": "silence",
    "monitoring_window": "window",
    "people_person": "person",
    "pipelines_pipeline": "pipeline",
    "pipelines_pipeline_version": "version of pipeline",
    "pipelines_recipe": "recipe",
    "pipelines_retraining_decision": "retraining decision",
    "pipelines_retraining_policy": "retraining policy of",
    "registry_alias": "alias",
    "registry_built_in_policy": "edition of the built-in policy",
    "registry_card_revision": "card revision",
    "registry_code_approval": "approval of the code of",
    "registry_measurement": "measurement",
    "registry_model": "model",
    "registry_model_tag": "tag of model",
    "registry_policy": "policy",
    "registry_override": "override",
    "registry_promotion": "promotion",
    "registry_stage_change": "stage change",
    "registry_stage_ladder": "stages",
    "registry_version": "version",
    "registry_vote": "vote",
    "registry_version_origin": "origin of version",
    "registry_version_tag": "tag of version",
    "reviews_note": "note of a review",
    "reviews_review": "review",
}
