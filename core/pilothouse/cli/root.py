"""The commands, by name; each is imported when it is called, so that `--help` is quick."""

from __future__ import annotations

import importlib

import click

from pilothouse import __version__

COMMANDS = {
    "up": ("pilothouse.cli.up", "up", "Start app, server and worker, and open the app."),
    "app": ("pilothouse.cli.processes", "app", "Run the app alone."),
    "server": ("pilothouse.cli.processes", "server", "Run the server alone."),
    "worker": ("pilothouse.cli.processes", "worker", "Run the worker alone."),
    "demo": ("pilothouse.cli.demo", "demo", "Sail the whole loop once on real data."),
    "doctor": ("pilothouse.cli.doctor", "doctor", "Say whether a workspace is sound."),
    "import": ("pilothouse.cli.imports", "imports", "Bring your history from MLflow."),
    "datasets": ("pilothouse.cli.datasets", "datasets", "Dataset versions."),
    "runs": ("pilothouse.cli.nouns", "runs", "Runs of experiments."),
    "train": ("pilothouse.cli.nouns", "train", "Train a model on a dataset version."),
    "models": ("pilothouse.cli.nouns", "models", "Registered models and their versions."),
    "deployments": ("pilothouse.cli.nouns", "deployments", "What serves."),
    "attention": ("pilothouse.cli.nouns", "attention", "What needs a person."),
    "alerts": ("pilothouse.cli.nouns", "alerts", "What monitoring found."),
    "jobs": ("pilothouse.cli.nouns", "jobs", "Durable work."),
    "activity": ("pilothouse.cli.nouns", "activity", "Who did what, when and why."),
}


class Lazy(click.Group):
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
            formatter.write_dl([(name, words) for name, (_, _, words) in COMMANDS.items()])


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="pilothouse")
def root() -> None:
    """Pilothouse: the room from which a team steers its models."""
