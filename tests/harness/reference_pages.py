"""The reference pages that are made from the code: settings, plugins, errors, interfaces.

`make docs` writes them into docs/reference/; a test fails when they lag.
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.api_pages import http_page, python_page
from harness.command_pages import command_page
from harness.markdown import page, table
from pilothouse.cli.command import first_paragraph
from pilothouse.kit.errors import PilothouseError
from pilothouse.kit.parameters import Parameter
from pilothouse.kit.settings import Settings
from pilothouse.testing.plugin_kinds import KINDS, Kind
from pilothouse.testing.screens import check_screen
from pilothouse_app.screens import screens

SCREENS = Kind(screens, check_screen, "A page of the app: a module with `SCREEN` and `render()`.")
ALL_KINDS = (*KINDS, SCREENS)


def pages() -> dict[str, str]:
    """Every generated page by its file name."""
    return {
        "settings.md": _settings(),
        "plugins.md": _plugins(),
        "errors.md": _errors(),
        "cli.md": command_page(),
        "python.md": python_page(),
        "http.md": http_page(),
    }


def main(folder: Path) -> None:
    """Write the pages into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")
        sys.stdout.write(f"{folder / name}\n")


def _settings() -> str:
    prefix = Settings.model_config["env_prefix"]
    rows = []
    for name, field in Settings.model_fields.items():
        factory: Any = field.default_factory
        default = f"`{field.default}`" if factory is None else first_paragraph(factory)
        rows.append((f"`{prefix}{name.upper()}`", _blank(default), field.description or ""))
    return page(
        "Settings",
        "Each has a default. Set them in the environment, or hand a `Settings` to "
        "`pilothouse.workspace.open_workspace`; options of the command line go before both.",
        table(("in the environment", "default", "meaning"), rows),
    )


def _plugins() -> str:
    parts = [_kind(kind) for kind in ALL_KINDS]
    return page(
        "Plugins",
        "One module in the package named below is one plugin; from a distribution of your own, "
        "use the entry-point group of the same name. Each must pass the contract test of its kind.",
        *parts,
    )


def _kind(kind: Kind) -> str:
    package = kind.plugins.package
    contract = f"pilothouse.testing.{kind.check.__module__.rsplit('.', 1)[-1]}"
    rows = [
        (f"`{name}`", _described(plugin), "<br>".join(_details(plugin)))
        for name, plugin in kind.plugins.items()
    ]
    return (
        f"## {kind.plugins.noun.capitalize()}s\n\n{kind.purpose}\n\n"
        f"Package and entry-point group `{package}`; contract test "
        f"`{contract}.{kind.check.__name__}`.\n\n" + table(("name", "what it does", "takes"), rows)
    )


def _described(plugin: Any) -> str:
    """A plugin's title, description and unit; a check is a function with a docstring."""
    if inspect.isroutine(plugin):
        return first_paragraph(plugin)
    if hasattr(plugin, "SCREEN"):
        return f"**{plugin.SCREEN.title}**. {plugin.SCREEN.summary.rstrip('.')}."
    unit = getattr(plugin, "unit", "")
    result = f"<br>Unit of the result: {unit}." if unit else ""
    return f"**{plugin.title}**. {plugin.description}{result}"


def _details(plugin: Any) -> Iterator[str]:
    if hasattr(plugin, "SCREEN"):
        screen = plugin.SCREEN
        yield f"address `/{screen.path}`"
        menu = f"in the menu under {screen.section}" if screen.section else "in the menu"
        yield "reached by links" if screen.hidden else menu
    elif hasattr(plugin, "limits"):
        if hasattr(plugin, "kinds"):
            yield f"columns of {' and '.join(sorted(plugin.kinds))}"
        side, limits = plugin.limits.direction, plugin.limits
        yield f"warns {side} {limits.warn:g}, fails {side} {limits.fail:g}"
    elif hasattr(plugin, "of_models"):
        must = ", must" if plugin.must else ""
        yield f"{plugin.number}: level {plugin.level}, {plugin.area}{must}"
        if plugin.attest_days:
            yield f"may be attested, for {plugin.attest_days} days"
    elif hasattr(plugin, "file_names"):
        yield ", ".join(f"`{name}`" for name in plugin.file_names.split(", "))
        yield f"needs {', '.join(plugin.libraries)}; versions: {plugin.versions}"
    elif hasattr(plugin, "parameters"):
        yield from (_parameter(parameter) for parameter in plugin.parameters)
    elif not hasattr(plugin, "description"):
        _, *arguments = inspect.signature(plugin).parameters.values()
        for argument in arguments:
            is_needed = argument.default is argument.empty
            yield f"`{argument.name}`" + ("" if is_needed else f" = {json.dumps(argument.default)}")


def _parameter(parameter: Parameter) -> str:
    """Name, default, type with its limits or choices and unit, and the help."""
    default = "" if parameter.required else f" = {json.dumps(parameter.default)}"
    limits = parameter.limits or ", ".join(map(str, parameter.choices))
    kind = " ".join(part for part in (parameter.type, limits, parameter.unit) if part)
    needed = ", required" if parameter.required else ""
    return f"`{parameter.name}`{default} ({kind}{needed}): {parameter.help}"


def _errors() -> str:
    kinds = list(_tree(PilothouseError))
    rows = [
        (f"`{kind.__name__}`", f"`{kind.code}`", str(kind.status), str(kind.exit_code), words)
        for kind, words in kinds
    ]
    return page(
        "Errors",
        "Whatever Pilothouse says no to ends in one of these states. The message says what is "
        "wrong and the hint what to do; over HTTP both come as JSON beside the code.",
        table(("in Python", "code", "HTTP status", "exit code", "meaning"), rows),
    )


def _tree(kind: type[PilothouseError]) -> Iterator[tuple[type[PilothouseError], str]]:
    yield kind, first_paragraph(kind)
    for child in kind.__subclasses__():
        if child.__module__ == kind.__module__:
            yield from _tree(child)


def _blank(default: str) -> str:
    return "" if default == "``" else default


if __name__ == "__main__":
    main(Path(*(sys.argv[1:] or ["docs/reference"])))
