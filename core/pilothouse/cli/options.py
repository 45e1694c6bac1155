"""Options that several commands share."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pilothouse.kit.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

workspace_option = click.option(
    "--workspace",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    help="Folder that holds everything  [default: workspace, or PILOTHOUSE_WORKSPACE].",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def settings_of(workspace: Path | None, **changes: Any) -> Settings:
    """Settings from the environment, with what the command line says."""
    given = {"workspace": workspace, **changes}
    return Settings().model_copy(update={k: v for k, v in given.items() if v is not None})


def show(frame: pd.DataFrame, as_json: bool) -> None:
    """Print a frame as JSON records or as a table."""
    if as_json:
        click.echo(json.dumps(records(frame), default=_plain, ensure_ascii=False))
    elif frame.empty:
        click.echo("Nothing here yet.")
    else:
        click.echo(frame.to_string(index=False))


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """A frame's rows as plain JSON values: instants in ISO 8601, missing values as null."""
    import pandas as pd

    return [
        {str(name): None if _missing(value, pd) else value for name, value in row.items()}
        for row in frame.to_dict(orient="records")
    ]


def _missing(value: Any, pd: Any) -> bool:
    return pd.api.types.is_scalar(value) and bool(pd.isna(value))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if hasattr(value, "item"):
        return value.item()
    return str(value)
