"""The generated reference page of the command line, from click's own tree."""

from __future__ import annotations

import inspect
import re

import click

from harness.command_tree import groups
from harness.markdown import page, table
from pilothouse.cli.command import Command, parameters_of
from pilothouse.cli.options import actor_option, json_option, reason_option, workspace_option
from pilothouse.cli.root import root

INTRO = """\
`pilothouse <noun> <verb>`: nouns and verbs are those of the [Python API](python.md), with hyphens;
underscores are understood too. `--help` after any command prints what is below. [Errors](errors.md)
lists the exit codes. The message and the hint of an error go to stderr, so that stdout holds plain
JSON or nothing.

`eval "$(pilothouse completion bash)"` in `~/.bashrc` completes commands and options in a shell; the
same works for zsh and fish.

These options are the same everywhere and not repeated below:
"""
SHARED = (workspace_option, json_option, actor_option, reason_option)


def command_page() -> str:
    """The page, in Markdown."""
    parts = [INTRO.strip(), _shared()]
    for path, command in groups():
        name = " ".join(("pilothouse", *path))
        if isinstance(command, click.Group):
            parts += [f"## {name}", _text(command)]
            continue
        heading = "##" if len(path) == 1 else "###"
        parts += [f"{heading} {name}", _text(command), _usage(name, command)]
        if rows := [_option_row(option) for option in _own_options(command)]:
            parts.append(table(("option", "meaning"), rows))
    return page("Command line", *parts)


def _shared() -> str:
    rows = [_option_row(option) for option in _shared_options()]
    return table(("option", "meaning"), rows)


def _shared_options() -> list[click.Option]:
    return [option for option in parameters_of(*SHARED) if isinstance(option, click.Option)]


def _own_options(command: click.Command) -> list[click.Option]:
    shared = {option.opts[0]: option.help for option in _shared_options()}
    return [
        option
        for option in command.params
        if isinstance(option, click.Option) and shared.get(option.opts[0]) != option.help
    ]


def _text(command: click.Command) -> str:
    paragraphs = inspect.cleandoc(command.help or "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def _usage(name: str, command: click.Command) -> str:
    context = click.Context(command, info_name=name)
    usage = " ".join([name, *command.collect_usage_pieces(context)])
    shared = {option.opts[0] for option in _shared_options()}
    shared_names = [p.opts[0] for p in command.params if p.opts[0] in shared]
    also = f"  # and {', '.join(shared_names)}" if shared_names else ""
    examples = command.examples if isinstance(command, Command) else ()
    lines = [usage + also, *examples]
    return "```\n" + "\n".join(lines) + "\n```"


def _option_row(option: click.Option) -> tuple[str, str]:
    names = "`, `".join([*option.opts, *option.secondary_opts])
    metavar = "" if option.is_flag else f" {option.make_metavar(click.Context(root))}"
    return f"`{names}{metavar}`", _meaning(option)


def _meaning(option: click.Option) -> str:
    text = re.sub(r"\s+\[default: (.*)\]\.?$", r" (default: \1)", option.help or "").strip()
    if option.show_default and option.default not in (None, ""):
        text = f"{text} (default: {option.default})".strip()
    return f"{text} (needed)".strip() if option.required else text
