"""What is compiled before the tests is what pytest and Python read then."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import compile_before


def test_pytest_reads_what_was_compiled(tmp_path: Path) -> None:
    file = tmp_path / "test_it.py"
    file.write_text("def test_it():\n    assert True\n")
    compile_before.compile_tests(file)
    (compiled,) = (tmp_path / "__pycache__").iterdir()
    written = compiled.stat()
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(file)]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    after = compiled.stat()
    assert (after.st_ino, after.st_mtime_ns) == (written.st_ino, written.st_mtime_ns)


def test_python_reads_what_was_compiled(tmp_path: Path) -> None:
    file = tmp_path / "module.py"
    file.write_text("X = 1\n")
    compile_before.compile_module(file)
    assert Path(importlib.util.cache_from_source(str(file))).exists()


def test_every_package_is_there_and_pilothouse_too() -> None:
    files = list(compile_before.modules())
    folders = {part for file in files for part in file.parts}
    assert set(compile_before.PACKAGES) <= folders
    assert Path(__file__).parents[1] / "core/pilothouse/__init__.py" in files
    assert Path(__file__) in compile_before.rewritten_by_pytest()
