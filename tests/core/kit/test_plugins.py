"""Kinds: found in the package, brought by strangers, one of each name."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pilothouse.kit.errors import Conflict, NotFound
from pilothouse.kit.plugins import Plugins

Kind = Callable[[], str]
KIND = "from fleet import boats\n\n@boats.register({name!r})\ndef kind():\n    return {words!r}\n"


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package `fleet` of kinds, as a room has one."""
    folder = tmp_path / "fleet"
    folder.mkdir()
    (folder / "__init__.py").write_text(
        "from pilothouse.kit.plugins import Plugins\nboats = Plugins(__name__, 'boat')\n"
    )
    (folder / "dinghy.py").write_text(KIND.format(name="dinghy", words="small"))
    (folder / "yawl.py").write_text(KIND.format(name="yawl", words="two masts"))
    monkeypatch.syspath_prepend(str(tmp_path))
    yield folder
    for name in [name for name in sys.modules if name.split(".")[0] in ("fleet", "stranger")]:
        del sys.modules[name]


def boats() -> Plugins[Kind]:
    import fleet  # type: ignore[import-not-found]  # the fixture writes it

    plugins: Plugins[Kind] = fleet.boats
    return plugins


def stranger(fleet: Path, name: str, text: str = "from afar") -> None:
    """Another distribution, installed beside, that brings one kind by an entry point."""
    (fleet.parent / "stranger.py").write_text(f"def kind():\n    return {text!r}\n")
    metadata = fleet.parent / "stranger-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[fleet]\n{name} = stranger:kind\n")


def test_every_module_of_the_package_is_found(fleet: Path) -> None:
    assert boats().names() == ["dinghy", "yawl"]
    assert boats().get("yawl")() == "two masts"
    assert [name for name, _ in boats().items()] == ["dinghy", "yawl"]


def test_a_dropped_file_is_found_without_any_other_edit(fleet: Path) -> None:
    (fleet / "sloop.py").write_text(KIND.format(name="sloop", words="one mast"))
    assert boats().get("sloop")() == "one mast"


def test_an_unknown_name_lists_the_known_ones(fleet: Path) -> None:
    with pytest.raises(NotFound, match="no boat named 'raft'") as unknown:
        boats().get("raft")
    assert unknown.value.hint == "Known: dinghy, yawl."


def test_a_stranger_comes_in_through_an_entry_point(fleet: Path) -> None:
    stranger(fleet, "catamaran")
    assert boats().names() == ["catamaran", "dinghy", "yawl"]
    assert boats().get("catamaran")() == "from afar"


def test_a_stranger_cannot_take_the_name_of_a_known_kind(fleet: Path) -> None:
    stranger(fleet, "yawl")
    with pytest.raises(Conflict, match="a boat named 'yawl'"):
        boats().names()


def test_two_kinds_of_one_name_are_a_conflict(fleet: Path) -> None:
    (fleet / "copy.py").write_text(KIND.format(name="yawl", words="copied and not renamed"))
    with pytest.raises(Conflict, match="a boat named 'yawl'"):
        boats().names()


def test_a_module_that_is_loaded_again_replaces_its_kind(fleet: Path) -> None:
    assert boats().get("yawl")() == "two masts"
    (fleet / "yawl.py").write_text(KIND.format(name="yawl", words="still two masts"))
    del sys.modules["fleet.yawl"]
    sys.path_importer_cache.clear()
    import fleet.yawl  # type: ignore[import-not-found]  # the fixture writes it

    assert boats().get("yawl")() == "still two masts"


def test_a_kind_that_cannot_be_imported_is_named_each_time(fleet: Path) -> None:
    (fleet / "wreck.py").write_text("raise OSError('aground')\n")
    for _ in range(2):
        with pytest.raises(OSError, match="aground"):
            boats().names()
    (fleet / "wreck.py").unlink()
    assert boats().names() == ["dinghy", "yawl"]


def test_threads_that_ask_at_once_all_see_every_kind(fleet: Path) -> None:
    slow = "import time\ntime.sleep(0.2)\n"
    (fleet / "yawl.py").write_text(slow + KIND.format(name="yawl", words="two masts"))
    results: list[list[str]] = []
    expected = boats()
    threads = [threading.Thread(target=lambda: results.append(expected.names())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [["dinghy", "yawl"]] * 4
