"""The commands, by name; each is imported when it is called, so that `--help` is quick."""

from __future__ import annotations

import importlib

import click

from pilothouse import __version__
from pilothouse.cli.command import Group

COMMANDS = {
    "up": ("pilothouse.cli.up", "up", "Start app, server and worker, and open the app."),
    "app": ("pilothouse.cli.processes", "app", "Run the app alone."),
    "server": ("pilothouse.cli.processes", "server", "Run the server alone."),
    "worker": ("pilothouse.cli.processes", "worker", "Run the worker alone."),
    "demo": ("pilothouse.cli.demo", "demo", "Run the end-to-end demo on real data."),
    "doctor": ("pilothouse.cli.doctor", "doctor", "Check everything that a workspace holds."),
    "import": (
        "pilothouse.cli.imports",
        "imports",
        "Import runs from MLflow, TensorBoard or W&B.",
    ),
    "datasets": ("pilothouse.cli.dataset_sources", "datasets", "Dataset versions and contracts."),
    "experiments": ("pilothouse.cli.experiments", "experiments", "Experiments and their metrics."),
    "runs": ("pilothouse.cli.runs", "runs", "Runs of experiments, and their comparison."),
    "train": ("pilothouse.cli.training", "train", "Train a model on a dataset version."),
    "trainers": ("pilothouse.cli.training", "trainers", "The kinds of model to train."),
    "models": ("pilothouse.cli.model_cards", "models", "Registered models and promotions."),
    "export": ("pilothouse.cli.exports", "export", "A version for another serving system."),
    "export-targets": (
        "pilothouse.cli.exports",
        "export_targets_command",
        "Where a version can be exported to.",
    ),
    "export-whylogs": (
        "pilothouse.cli.exports",
        "export_whylogs",
        "Profiles of a window for whylogs.",
    ),
    "export-arize": ("pilothouse.cli.exports", "export_arize", "Predictions for Arize."),
    "export-openinference": (
        "pilothouse.cli.exports",
        "export_openinference",
        "Predictions as spans of OpenInference.",
    ),
    "export-runs": (
        "pilothouse.cli.run_exports",
        "export_runs",
        "Runs for MLflow, TensorBoard, CSV or Parquet.",
    ),
    "export-run-formats": (
        "pilothouse.cli.run_exports",
        "export_run_formats",
        "What runs can be exported to.",
    ),
    "archives": ("pilothouse.cli.archives", "archives", "A whole workspace as one open file."),
    "policies": ("pilothouse.cli.policies", "policies", "Gates and approvals before a stage."),
    "validate": ("pilothouse.cli.validation", "validate", "Ask the gates, for pipelines outside."),
    "evaluate": ("pilothouse.cli.scoring", "evaluate", "Evaluate a version on labelled rows."),
    "predict": ("pilothouse.cli.scoring", "predict", "Predict the rows of a dataset."),
    "explanations": (
        "pilothouse.cli.responsible_use",
        "explanations",
        "Fairness, explanations and what-if.",
    ),
    "deployments": ("pilothouse.cli.deployments", "deployments", "Served model versions."),
    "environments": ("pilothouse.cli.environments", "environments", "Environments of models."),
    "features": ("pilothouse.cli.features", "features", "Feature stores."),
    "monitors": ("pilothouse.cli.monitors", "monitors", "Windows, drift and performance."),
    "alerts": ("pilothouse.cli.alerts", "alerts", "Alerts and alert rules."),
    "channels": ("pilothouse.cli.channels", "channels", "Where alerts are delivered to."),
    "events": ("pilothouse.cli.events", "events", "Kafka: labels in, predictions out, and more."),
    "pipelines": (
        "pilothouse.cli.pipeline_files",
        "pipelines",
        "Pipelines, retraining, evaluation.",
    ),
    "recipes": ("pilothouse.cli.recipes", "recipes", "Training code of your own, run as jobs."),
    "governance": (
        "pilothouse.cli.governance",
        "governance",
        "What was in production when, and why.",
    ),
    "maturity": ("pilothouse.cli.maturity", "maturity", "The level of the way of working."),
    "evidence-pack": (
        "pilothouse.cli.evidence_packs",
        "evidence_pack",
        "What decisions rested on, as one archive.",
    ),
    "jobs": ("pilothouse.cli.jobs", "jobs", "Jobs: durable work of the worker."),
    "schedules": ("pilothouse.cli.schedules", "schedules", "Jobs by a clock."),
    "erasures": ("pilothouse.cli.erasures", "erasures", "Erasure of an entity everywhere."),
    "people": ("pilothouse.cli.people", "people", "People and their rights."),
    "reviews": ("pilothouse.cli.reviews", "reviews", "Decisions in a meeting, and minutes."),
    "comments": ("pilothouse.cli.comments", "comments", "What people wrote about objects."),
    "attention": ("pilothouse.cli.attention", "attention", "What needs a person."),
    "activity": ("pilothouse.cli.activity", "activity", "The audit log."),
    "completion": ("pilothouse.cli.completion", "completion", "Completion for a shell."),
}


class LazyGroup(Group):
    """A group that imports a command only when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command, in the order of a first day."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, _, text) in COMMANDS.items()])

    def shell_complete(
        self, ctx: click.Context, incomplete: str
    ) -> list[click.shell_completion.CompletionItem]:
        """Names for a shell, without importing the commands."""
        return [
            click.shell_completion.CompletionItem(name, help=text)
            for name, (_, _, text) in COMMANDS.items()
            if name.startswith(incomplete)
        ]


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="pilothouse")
def root() -> None:
    """Pilothouse tracks experiments and registers, deploys and monitors models on one machine.

    Every command of a noun takes --json, which prints plain JSON on stdout; messages go to stderr.

    Exit codes: 0 done, 1 failed, 2 invalid input, 3 refused, 4 not found, 5 conflict with the
    current state, 6 unavailable, 130 interrupted.
    """
