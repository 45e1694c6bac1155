"""The wheel has everything the program reads, and works where there is no repository."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from pilothouse.data.samples import flights

ROOT = Path(__file__).parents[1]
PACKAGES = {"pilothouse": ROOT / "core", "pilothouse_app": ROOT / "app"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this tree, unpacked: what installing it lays down."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    with zipfile.ZipFile(built) as packed:
        packed.extractall(folder / "site")
    return folder / "site"


def kept(folder: Path) -> set[str]:
    """The files below a folder, without what tools and interpreters leave behind."""
    files = (file.relative_to(folder) for file in folder.rglob("*") if file.is_file())
    return {
        file.as_posix()
        for file in files
        if not any(part.startswith(".") or part == "__pycache__" for part in file.parts)
    }


@pytest.mark.parametrize("package", PACKAGES)
def test_the_wheel_has_the_whole_package(wheel: Path, package: str) -> None:
    packed = kept(wheel / package) - {"_samples/flights.parquet"}
    assert packed == kept(PACKAGES[package] / package)


def test_the_flights_are_found_without_the_repository(wheel: Path, tmp_path: Path) -> None:
    words = "from pilothouse.data.samples import flights; print(flights())"
    found = subprocess.run(
        [sys.executable, "-c", words],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(wheel)},
        check=True,
        capture_output=True,
        text=True,
    )
    inside = Path(found.stdout.strip())
    assert inside.is_relative_to(wheel)
    assert inside.read_bytes() == flights().read_bytes()
