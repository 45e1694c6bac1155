"""The pages under docs/ name only what exists: links, Python names, commands, settings, files."""

from __future__ import annotations

import ast
import importlib
import itertools
import re
import shlex
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import click
import pytest

from harness.api_pages import services
from pilothouse.cli import root
from pilothouse.kit.settings import Settings

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), ROOT / "README.md"])
# The changelog is history: it may name what a later entry removed.
CURRENT = [page for page in PAGES if page.name != "changelog.md"]
NOUNS = (*services(), "alerts", "administration")
SOURCE_ROOTS = ("", "core", "core/pilothouse", "app", "app/pilothouse_app", "tests", "docs")
# Variables of the environment that are read elsewhere than in `Settings`.
OTHER_VARIABLES = {"PILOTHOUSE_SEEDS", "PILOTHOUSE_VERSION"}

# Folders that pages name and that are not part of this repository.
FOREIGN = ("tests/tracking/", "tests/webhooks/", "workspace/")

SHELL = {"#", "|", ">", "&&"}  # what follows is not an argument

FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
PYTHON_NAME = re.compile(r"(?<![\w.])(?:ws|workspace)((?:\.[a-z_]\w*)+)")
COMMAND = re.compile(r"^\s*(?:\$ |\.venv/bin/)?pilothouse ([a-z-].*)$")
SOURCE_FILE = re.compile(r"^[\w./-]+\.(?:py|toml|yaml|yml|md)$|^[\w.-]+/[\w./-]*/$")


def names_of(pages: list[Path]) -> list[str]:
    return [page.relative_to(ROOT).as_posix() for page in pages]


@pytest.mark.parametrize("noun", NOUNS)
def test_every_noun_has_a_page(noun: str) -> None:
    page = DOCS / f"{noun}.md"
    assert page.exists(), f"write docs/{noun}.md: what it is, common tasks, what its errors mean"
    assert f"({noun}.md)" in (DOCS / "index.md").read_text(encoding="utf-8")


def test_every_page_is_reached_from_the_index() -> None:
    reached, waiting = set(), [DOCS / "index.md", ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached:
            continue
        reached.add(page)
        for target in links(page):
            linked = (page.parent / target.partition("#")[0]).resolve()
            if linked.is_dir():
                waiting += linked.glob("*.md")
            elif linked.suffix == ".md":
                waiting.append(linked)
    assert set(PAGES) - reached == set()


@pytest.mark.parametrize("page", names_of(PAGES))
def test_no_link_is_broken(page: str) -> None:
    path = ROOT / page
    for target in links(path):
        name, _, anchor = target.partition("#")
        linked = (path.parent / name).resolve() if name else path
        assert linked.exists(), f"{page}: {target}"
        if anchor:
            assert anchor in anchors(linked), f"{page}: {target}"


@pytest.mark.parametrize("page", names_of(CURRENT))
def test_every_python_name_exists(page: str) -> None:
    for code in snippets(ROOT / page):
        for match in PYTHON_NAME.finditer(code):
            assert resolves(match[1].removeprefix(".").split(".")), f"{page}: {match[0]}"


@pytest.mark.parametrize("page", names_of(CURRENT))
def test_python_code_can_be_read_and_its_imports_exist(page: str) -> None:
    for language, code in FENCE.findall((ROOT / page).read_text(encoding="utf-8")):
        if language != "python" or page.endswith("reference/python.md"):  # signatures, not code
            continue
        for node in ast.walk(ast.parse(textwrap.dedent(code))):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("pilothouse"):
                module = importlib.import_module(str(node.module))
                for alias in node.names:
                    assert hasattr(module, alias.name), f"{page}: {ast.unparse(node)}"


@pytest.mark.parametrize("page", names_of(CURRENT))
def test_every_command_exists(page: str) -> None:
    for code in snippets(ROOT / page):
        for line in code.splitlines():
            match = COMMAND.match(line)
            fault = fault_of_command(match[1]) if match else ""
            assert not fault, f"{page}: {line.strip()}: {fault}"


@pytest.mark.parametrize("page", names_of(CURRENT))
def test_every_setting_exists(page: str) -> None:
    known = {f"PILOTHOUSE_{name.upper()}" for name in Settings.model_fields} | OTHER_VARIABLES
    named = set(re.findall(r"\bPILOTHOUSE_[A-Z_]+\b", (ROOT / page).read_text(encoding="utf-8")))
    assert named - known == set()


@pytest.mark.parametrize("page", names_of(CURRENT))
def test_every_source_file_exists(page: str) -> None:
    text = FENCE.sub("", (ROOT / page).read_text(encoding="utf-8"))
    for name in INLINE.findall(text):
        is_ours = SOURCE_FILE.match(name) and "/" in name and name.split("/")[0] in roots()
        if is_ours and not name.startswith(FOREIGN):
            exists = any((ROOT / root / name).exists() for root in SOURCE_ROOTS)
            assert exists, f"{page}: {name}"


def links(page: Path) -> Iterator[str]:
    """The relative targets of a page's links and pictures, outside of code."""
    text = INLINE.sub("", FENCE.sub("", page.read_text(encoding="utf-8")))
    return (t for t in LINK.findall(text) if not re.match(r"[a-z]+:", t))


@cache
def anchors(page: Path) -> set[str]:
    """The addresses of a page's headings, as GitHub makes them."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).strip().replace(" ", "-") for h in headings}


def snippets(page: Path) -> Iterator[str]:
    """The code of a page: each fence, with continued lines joined, and each span in backticks."""
    text = page.read_text(encoding="utf-8")
    for _, code in FENCE.findall(text):
        yield code.replace("\\\n", " ")
    yield from INLINE.findall(FENCE.sub("", text))


@cache
def api() -> dict[str, Any]:
    return dict(services())


def resolves(parts: list[str]) -> bool:
    """Whether `ws.a.b` exists; what a method returns is not followed."""
    if parts[0] not in api():
        from pilothouse.workspace import Workspace

        return hasattr(Workspace, parts[0]) or parts[0] == "store"
    value = api()[parts[0]]
    for part in parts[1:]:
        if callable(value):
            return True
        if not hasattr(value, part):
            return False
        value = getattr(value, part)
    return True


def fault_of_command(line: str) -> str:
    """What is wrong with `pilothouse LINE`, or nothing."""
    command: click.Command = root
    context = click.Context(command)
    words = list(itertools.takewhile(lambda word: word not in SHELL, shlex.split(line)))
    if "[OPTIONS]" in words:  # a usage line, made by click itself
        return ""
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        name = words.pop(0).strip(",.:")
        found = command.get_command(context, name)
        if found is None:
            return f"there is no command {name}"
        command, context = found, click.Context(found, parent=context, info_name=name)

    return fault_of_arguments(command, words) if words else ""  # without words it is a mention


def fault_of_arguments(command: click.Command, words: list[str]) -> str:
    """What click says of unknown options and of too few or too many arguments."""
    if {"--help", "-h", "--version"} & set(words):
        return ""
    try:
        command.make_context(command.name, [*words])
    except (click.NoSuchOption, click.MissingParameter) as wrong:
        return wrong.format_message()
    except (click.BadParameter, click.BadOptionUsage):
        return ""  # a placeholder, a file that is not here, or an option that is only mentioned
    except click.UsageError as wrong:
        return wrong.format_message()
    return ""


@cache
def roots() -> set[str]:
    """The first folders by which pages name our own files."""
    parents = [ROOT / name for name in SOURCE_ROOTS]
    return {child.name for parent in parents for child in parent.iterdir() if child.is_dir()}
