"""Options that several commands share."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pilothouse.kit.errors import NotFound
from pilothouse.kit.settings import Settings, read_settings

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.workspace import Workspace

workspace_option = click.option(
    "--workspace",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    help="Folder that holds everything  [default: workspace, or PILOTHOUSE_WORKSPACE].",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def settings_of(workspace: Path | None, **changes: Any) -> Settings:
    """What the command line says, then the environment. Raises Invalid, naming each fault."""
    return read_settings(workspace=workspace, **changes)


def require_workspace(settings: Settings) -> None:
    """Raise NotFound when there is none: what only looks makes no folder of a name typed wrong."""
    folder = settings.folder
    if not settings.database_url and not (folder / "pilothouse.db").exists():
        raise NotFound(
            f"there is no workspace at {folder}.",
            hint="Give another with --workspace, or make one with `pilothouse up`.",
        )


@contextmanager
def opened(workspace: Path | None, *, make: bool = False) -> Iterator[Workspace]:
    """The workspace, for one command. Raises NotFound when it is not there and not to be made."""
    from pilothouse.workspace import open_workspace

    settings = settings_of(workspace)
    if not make:
        require_workspace(settings)
    ws = open_workspace(settings=settings)
    try:
        yield ws
    finally:
        ws.store.engine.dispose()


def show(frame: pd.DataFrame, as_json: bool) -> None:
    """Print a frame as JSON records or as a table."""
    if as_json:
        click.echo(to_json(frame.to_dict(orient="records")))
    elif frame.empty:
        click.echo("Nothing here yet.")
    else:
        click.echo(frame.to_string(index=False))


def to_json(value: Any, indent: int | None = None) -> str:
    """JSON that every reader takes: instants in ISO 8601; null for what is missing or no number."""
    return json.dumps(_plain(value), indent=indent, ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if value is None or value != value:  # NaN and NaT are not equal to themselves
        return None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, datetime):
        return value.isoformat()
    return value if isinstance(value, str | int) else str(value)
