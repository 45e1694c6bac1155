"""The table of integrations names tests and libraries that exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "integrations.md"
CODE = re.compile(r"`([^`]+)`")
STATES = ("proved", "interface only")


class Row(NamedTuple):
    """A row of the table."""

    system: str
    works: str
    state: str
    library: str
    test: str


def rows() -> Iterator[Row]:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    for line in [line for line in lines if line.startswith("| ")][2:]:
        yield Row(*(cell.strip() for cell in line.strip("|").split("|")))


@pytest.mark.parametrize("row", list(rows()), ids=lambda row: row.system)
def test_a_row_names_a_test_that_exists(row: Row) -> None:
    [named] = CODE.findall(row.test)
    path, _, name = named.partition("::")
    source = (ROOT / path).read_text(encoding="utf-8")
    if name:
        assert re.search(rf"^(async )?def {name}\(", source, re.MULTILINE)
    else:
        runs = (ROOT / "Makefile").read_text(encoding="utf-8")
        assert path in runs, "a script is a proof when `make proof` runs it"


@pytest.mark.parametrize("row", list(rows()), ids=lambda row: row.system)
def test_a_row_names_the_library_that_its_test_installs(row: Row) -> None:
    assert row.state in STATES
    libraries = CODE.findall(row.library)
    assert bool(libraries) == (row.state == "proved")
    if libraries:
        files = [ROOT / "pyproject.toml", *(ROOT / "tests" / "proofs").glob("*.py")]
        files.append(ROOT / "tests" / "harness" / "tracker_writers.py")
        declared = {
            text for file in files for text in re.findall(r'"([^"\n]+)"', file.read_text("utf-8"))
        }
        assert set(libraries) <= declared
