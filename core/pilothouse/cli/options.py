"""Options that several commands share, and opening the workspace that they name."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from pilothouse.kit.errors import Invalid, NotFound
from pilothouse.kit.plugins import Plugins
from pilothouse.kit.settings import Settings, read_settings

if TYPE_CHECKING:
    from pilothouse.workspace import Workspace

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
NEW_FILE = click.Path(dir_okay=False, path_type=Path)

workspace_option = click.option(
    "--workspace",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    help="Folder that holds everything  [default: workspace, or PILOTHOUSE_WORKSPACE].",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
actor_option = click.option(
    "--actor",
    "acting_as",
    default=None,
    help="Who does it, as shown in the activity log  [default: PILOTHOUSE_ACTOR, or the person "
    "chosen with `pilothouse people choose`].",
)
dry_run_option = click.option("--dry-run", is_flag=True, help="Only say what it would touch.")
reason_option = click.option("--reason", default="", help="Why, as shown in the activity log.")
reveal_option = click.option(
    "--reveal",
    metavar="REASON",
    default=None,
    help="Show personal data unmasked: needs the right personal_data, and is recorded.",
)


class PluginName(click.ParamType[str]):
    """The name of an installed plugin; read when it is used, so that no plugin loads before."""

    name = "name"

    def __init__(self, plugins: Plugins[Any]) -> None:
        self._plugins = plugins

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name, when there is such a plugin."""
        if value not in self._plugins.names():
            choices = ", ".join(self._plugins.names())
            self.fail(f"no {self._plugins.noun} named {value!r}. Known: {choices}.", param, ctx)
        return str(value)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """The names that begin like this."""
        names = self._plugins.names()
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]


class Names(click.ParamType[tuple[str, ...]]):
    """Names with commas between them; an empty text is none."""

    name = "names"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """The names without the blanks around them."""
        if isinstance(value, tuple):
            return value
        return tuple(name for part in str(value).split(",") if (name := part.strip()))


class Instant(click.ParamType[datetime]):
    """An instant in ISO 8601, such as 2026-03-01 or 2026-03-01T12:00+01:00; UTC unless it says."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """The aware instant in UTC."""
        if isinstance(value, datetime):
            return value
        try:
            instant = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a time in ISO 8601, such as 2026-03-01T12:00.", param, ctx)
        return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)


class JsonValue(click.ParamType[Any]):
    """A value as JSON."""

    name = "json"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The value."""
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError as error:
            self.fail(f"{value!r} is not valid JSON: {error}.", param, ctx)


class Pair(click.ParamType[tuple[str, str]]):
    """NAME=VALUE, as a tuple of two texts."""

    name = "name=value"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """The name and the value; only the first equals sign divides them."""
        if isinstance(value, tuple):
            return value
        name, sign, text = str(value).partition("=")
        if not sign or not name:
            self.fail(f"{value!r} is not written as NAME=VALUE.", param, ctx)
        return name, text


INSTANT, JSON_VALUE, PAIR, NAMES = Instant(), JsonValue(), Pair(), Names()


def scalar(text: str) -> Any:
    """A number, a boolean or null as JSON writes it, and anything else as the text that it is."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return text if isinstance(value, list | dict) else value


def scalars(pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Pairs of NAME=VALUE as a mapping, numbers as numbers."""
    return {name: scalar(text) for name, text in pairs}


def settings_of(workspace: Path | None, **changes: Any) -> Settings:
    """What the command line says, then the environment. Raises Invalid, naming each fault."""
    return read_settings(workspace=workspace, **changes)


def require_workspace(settings: Settings) -> None:
    """Raise NotFound when there is none: reading makes no folder of a name typed wrong."""
    folder = settings.folder
    if not settings.database_url and not (folder / "pilothouse.db").exists():
        raise NotFound(
            f"there is no workspace at {folder}.",
            hint="Give another with --workspace, or make one with `pilothouse up`.",
        )


@contextmanager
def opened(
    workspace: Path | None, *, make: bool = False, actor: str | None = None
) -> Iterator[Workspace]:
    """The workspace, for one command. Raises NotFound when it does not exist, unless `make`."""
    from pilothouse.activity.actors import is_automatic
    from pilothouse.workspace import open_workspace

    settings = settings_of(workspace)
    if not make:
        require_workspace(settings)
    name = actor or settings.actor
    if is_automatic(name):
        raise Invalid(
            f"{name!r} is a part of the program, not a person.", fields={"actor": "no person"}
        )
    ws = open_workspace(settings=settings, actor=actor)
    try:
        person = None if name else ws.people.chosen()
        yield ws if person is None else ws.acting_as(person.name)
    finally:
        ws.store.engine.dispose()
