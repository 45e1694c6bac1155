"""No screen, command or query shows a value of personal data to somebody who has no right.

The values of a workspace in which personal data was trained on, served and monitored are searched
for in every screen, in what every command that only reads prints, and in what the queries of
monitoring answer. A new screen or command is part of it by itself.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from harness.command_tree import Leaf, leaves
from harness.every_query import known_values
from harness.personal_workspace import MARK, NAME, NUMBER, PersonalWorkspace, build
from harness.places import PLACES
from pilothouse.cli import main
from pilothouse.kit.clock import FixedClock
from pilothouse.monitoring.evidently_report import window_sides
from pilothouse.storage import Store

DIGITS = str(NUMBER)[:6]
TEXTS = (MARK, DIGITS, f"{DIGITS[:2]},{DIGITS[2:5]},")  # a number has commas in sentences
# They wait, start processes, or compute for long.
NOT_CALLED = {
    *("up", "app", "server", "worker", "jobs wait", "deployments wait-until-ready"),
    *("doctor", "import trackers", "models assess", "deployments keys list", "maturity"),
}


def leaks(text: str) -> list[str]:
    """Where a text shows personal data, with some words around it."""
    return [text[max(text.find(one) - 90, 0) :][:180] for one in TEXTS if one in text]


@pytest.fixture(scope="module")
def personal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PersonalWorkspace]:
    clock = FixedClock(datetime(2013, 4, 1, tzinfo=UTC))
    made = build(tmp_path_factory.mktemp("personal") / "workspace", clock)
    yield made
    made.workspace.store.engine.dispose()


def drawn(block: Any) -> Iterator[str]:
    """All that a page sends to the browser."""
    for child in getattr(block, "children", {}).values():
        proto = getattr(child, "proto", None)
        if proto is not None:
            yield proto.SerializeToString().decode("utf-8", "replace")
        yield from drawn(child)


def test_no_screen_shows_a_value(
    personal: PersonalWorkspace, visit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, drawn_pages, shown = personal.workspace, 0, {}
    monkeypatch.setattr("pilothouse_app.components.workspace.opened", lambda _path: opened)
    for name, place in PLACES.items():
        try:
            params = {**place.of(opened), **place.view}
        except (IndexError, StopIteration):  # there is no such thing here
            continue
        page = visit(place.page, **params)
        assert not page.exception, name
        drawn_pages += 1
        if texts := leaks("\n".join(drawn(page._tree))):
            shown[name] = texts
    assert drawn_pages > len(PLACES) - 5
    assert shown == {}


class _Writes(Exception):
    """What only reads does not write."""


def words_of(leaf: Leaf, known: dict[str, list[Any]], folder: Path) -> list[str] | None:
    """The command with values of the workspace; None where it needs others."""
    values: list[str] = []
    for argument in leaf.arguments:
        names = [argument.name or ""]
        if argument.name in ("name", "ref"):
            names = [OWN.get(leaf.path[0], "deployment")]
        if argument.name == "file":
            values.append(str(folder / f"{'-'.join(leaf.path)}.csv"))
        elif own := next((known[name] for name in names if known.get(name)), None):
            values.append(str(own[-1] if names == ["window"] else own[0]))
        elif argument.required:
            return None
    if any(option.required for option in leaf.options):
        return None
    return [*leaf.path, *values]


# What the argument `name` of the commands of a group is.
OWN = {"datasets": "dataset", "models": "model", "policies": "model", "experiments": "experiment",
       "people": "person", "pipelines": "pipeline", "channels": "channel"}  # fmt: skip


def test_no_command_that_reads_prints_a_value(
    personal: PersonalWorkspace,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)  # some commands write their file into the current folder
    known = known_values(personal.workspace)
    known |= {"runs": known["run"], "version": [1], "column": ["email"], "metric": ["roc_auc"],
              "check": ["psi"], "stage": ["production"], "dataset": ["members@1"],
              "window": [personal.window], "run": [personal.run]}  # fmt: skip
    called, printed = [], {}
    for leaf in leaves():
        words = None if leaf.name in NOT_CALLED else words_of(leaf, known, tmp_path)
        if words is None:
            continue
        form = ["--json"] if "--json" in leaf.flags else []
        text = output_of([*words, *form], personal.workspace.folder, capsys)
        called += [leaf.name] if text else []
        if shown := leaks(text):
            printed[leaf.name] = shown
    assert printed == {}
    assert len(called) > MANY
    for file in tmp_path.iterdir():
        assert leaks(file.read_bytes().decode("utf-8", "replace")) == [], file.name


MANY = 100  # commands that printed something


def output_of(words: list[str], folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """What a command prints, as far as it only reads."""

    def write(*_args: Any, **_options: Any) -> None:
        raise _Writes

    arguments = ["pilothouse", *words, "--workspace", str(folder)]
    with (
        patch.object(Store, "write", write),
        patch.object(sys, "argv", arguments),
        suppress(SystemExit, _Writes),
    ):
        main()
    return "".join(capsys.readouterr())


def test_reports_and_explanations_name_no_value_until_it_is_revealed(
    personal: PersonalWorkspace,
) -> None:
    opened, window = personal.workspace, personal.window
    sides = window_sides(opened.store, window)
    for side in (sides.reference, sides.current):
        assert leaks(side.to_csv()) == []
        assert "number" not in side
        assert side["email"].nunique() > 6  # as many categories as there are, under other names
    pages = opened.monitoring.window_page(window).decode()
    start, end = datetime(2013, 3, 1, tzinfo=UTC), datetime(2013, 4, 1, tzinfo=UTC)
    pages += opened.monitoring.period_page(NAME, start, end).decode()
    assert leaks(pages) == []
    shown = opened.monitoring.distributions(window, "email")
    revealed = opened.monitoring.revealing([NAME])
    true = revealed.distributions(window, "email")
    assert leaks(shown.to_csv()) == []
    assert leaks(true.to_csv()) != []
    assert shown["current_rows"].tolist() == true["current_rows"].tolist()
    assert leaks(str(opened.monitoring.explain_window(window))) == []
    assert leaks(str(revealed.explain_window(window))) != []


def test_a_shown_name_is_the_same_in_each_window(personal: PersonalWorkspace) -> None:
    monitoring = personal.workspace.monitoring
    windows = monitoring.windows(NAME)["id"]
    names = [set(monitoring.distributions(window, "email")["label"]) for window in windows]
    assert len(names[0] & names[1]) >= 6
