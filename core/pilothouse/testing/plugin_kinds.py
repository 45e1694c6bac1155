"""Every kind of plugin: where it lives, what it is for, and the contract test it must pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pilothouse.data.personal_kinds import personal_kinds
from pilothouse.data.quality.kinds import quality_kinds
from pilothouse.data.sources import sources
from pilothouse.deployments.analysis.criteria import criteria
from pilothouse.deployments.strategies import strategies
from pilothouse.features.stores import feature_stores
from pilothouse.governance.maturity.checks import maturity_checks
from pilothouse.interop.events.flows import flows
from pilothouse.interop.events.systems import systems
from pilothouse.interop.exporting.targets import export_targets
from pilothouse.interop.importing.readers import readers
from pilothouse.interop.run_exports.formats import run_formats
from pilothouse.jobs import workflows
from pilothouse.jobs.backends import backends
from pilothouse.kit.plugins import Plugins
from pilothouse.models.engines import engines
from pilothouse.models.formats import formats
from pilothouse.models.tasks import tasks
from pilothouse.monitoring.drift import drift_tests
from pilothouse.monitoring.quality import quality_checks
from pilothouse.monitoring.rules import rule_kinds
from pilothouse.pipelines.definitions.exports import exports
from pilothouse.pipelines.measurements import measurement_kinds
from pilothouse.pipelines.step_kinds import step_kinds
from pilothouse.pipelines.triggers import triggers
from pilothouse.registry.gates import gates
from pilothouse.testing.backends import check_backend
from pilothouse.testing.checks import check_check
from pilothouse.testing.drift import check_drift_test
from pilothouse.testing.engines import check_engine
from pilothouse.testing.event_systems import check_event_flow, check_event_system
from pilothouse.testing.export_targets import check_export_target
from pilothouse.testing.exports import check_export
from pilothouse.testing.feature_stores import check_feature_store
from pilothouse.testing.formats import check_format
from pilothouse.testing.gates import check_gate
from pilothouse.testing.maturity_checks import check_maturity_check
from pilothouse.testing.measurements import check_measurement
from pilothouse.testing.personal_kinds import check_personal_kind
from pilothouse.testing.quality import check_quality_check
from pilothouse.testing.quality_kinds import check_quality_kind
from pilothouse.testing.readers import check_reader
from pilothouse.testing.rollout_criteria import check_criterion
from pilothouse.testing.rules import check_rule_kind
from pilothouse.testing.run_formats import check_run_format
from pilothouse.testing.sources import check_source
from pilothouse.testing.step_kinds import check_step_kind
from pilothouse.testing.strategies import check_strategy
from pilothouse.testing.tasks import check_task
from pilothouse.testing.trainers import check_trainer
from pilothouse.testing.triggers import check_trigger
from pilothouse.testing.workflows import check_workflow
from pilothouse.training.trainers import trainers
from pilothouse.workspace.checks import checks


@dataclass(frozen=True)
class Kind:
    """A kind of plugin. `check(name, plugin)` raises AssertionError with what is wrong."""

    plugins: Plugins[Any]
    check: Callable[[str, Any], None]
    purpose: str


KINDS = (
    Kind(tasks, check_task, "What a model's answer means, how it is measured and drawn."),
    Kind(formats, check_format, "Recognises a model's files, loads them and asks the model."),
    Kind(engines, check_engine, "Computes a fitted model's answers with less work around it."),
    Kind(gates, check_gate, "Judges a promotion: a pure function from Evidence to a Verdict."),
    Kind(
        measurement_kinds, check_measurement, "Measures a version for a gate, on its held-out rows."
    ),
    Kind(rule_kinds, check_rule_kind, "Compares a result of a window with an alert rule's limit."),
    Kind(drift_tests, check_drift_test, "Weighs one column of a window against the reference's."),
    Kind(quality_checks, check_quality_check, "Checks the rows and the traffic of a window."),
    Kind(criteria, check_criterion, "Compares two versions of a deployment in a rollout."),
    Kind(trainers, check_trainer, "A kind of model: its parameter space and its pipeline."),
    Kind(triggers, check_trigger, "Says why a deployment's model is to be retrained now."),
    Kind(strategies, check_strategy, "Replaces a deployment's version, in steps of a rollout."),
    Kind(step_kinds, check_step_kind, "What a step of a pipeline can do: inputs and outputs."),
    Kind(exports, check_export, "Writes a pipeline as a file of another program."),
    Kind(sources, check_source, "Reads rows for a dataset, and again when it is refreshed."),
    Kind(personal_kinds, check_personal_kind, "Recognises columns that hold personal data."),
    Kind(backends, check_backend, "A place where the parts of jobs run."),
    Kind(quality_kinds, check_quality_kind, "Measures one figure of each version of a dataset."),
    Kind(feature_stores, check_feature_store, "Where features are kept, and what answers."),
    Kind(export_targets, check_export_target, "Writes a version as the files of another system."),
    Kind(systems, check_event_system, "Holds messages that are read or written, as Kafka does."),
    Kind(flows, check_event_flow, "Says what the messages of a connection are, and moves them."),
    Kind(readers, check_reader, "Reads the history of another tracker for an import."),
    Kind(run_formats, check_run_format, "Writes runs for another tracker, or as tables."),
    Kind(workflows, check_workflow, "A kind of job: durable steps, started by name."),
    Kind(
        maturity_checks,
        check_maturity_check,
        "Says from stored evidence whether one thing that a level asks is so.",
    ),
    Kind(checks, check_check, "What `pilothouse doctor` asks of a workspace; it changes nothing."),
)
