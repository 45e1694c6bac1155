"""`pilothouse doctor`: checks a workspace."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import click

from pilothouse import __version__
from pilothouse.cli.command import Command
from pilothouse.cli.options import (
    json_option,
    require_workspace,
    settings_of,
    workspace_option,
)
from pilothouse.cli.output import to_json
from pilothouse.kit.errors import PilothouseError

PACKAGES = (
    "streamlit",
    "plotly",
    "pandas",
    "scikit-learn",
    "sqlmodel",
    "evidently",
    "joblib",
    "dbos",
)


@click.command(cls=Command, examples=("pilothouse doctor --json",))
@workspace_option
@json_option
def doctor(workspace: Path | None, as_json: bool) -> None:
    """Check everything that a workspace holds, and print what is damaged or was tampered with.

    It changes nothing, and ends with 1 when something is wrong.
    """
    report = examine(workspace)
    if as_json:
        click.echo(to_json(report))
    else:
        for name, check in report["checks"].items():
            click.echo(f"{'ok  ' if check['ok'] else 'BAD '} {name}: {check['message']}")
    sys.exit(0 if report["ok"] else 1)


def examine(workspace: Path | None) -> dict[str, Any]:
    """The verdict and message of every check, and the versions of packages. Changes nothing."""
    from pilothouse.storage import open_store
    from pilothouse.workspace.checks import CheckVerdict, run_all

    settings = settings_of(workspace)
    try:
        require_workspace(settings)
        store = open_store(settings)
    except PilothouseError as broken:
        verdicts = {"database": CheckVerdict(False, str(broken))}
    else:
        verdicts = run_all(store)
        store.engine.dispose()
    checks = {name: {"ok": v.ok, "message": v.message, **v.details} for name, v in verdicts.items()}
    return {
        "ok": all(verdict.ok for verdict in verdicts.values()),
        "workspace": str(settings.folder),
        "checks": checks,
        "versions": _versions(),
    }


def _versions() -> dict[str, str]:
    versions = {"pilothouse": __version__, "python": sys.version.split()[0]}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "missing"
    return versions
