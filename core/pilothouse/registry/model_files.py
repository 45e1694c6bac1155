"""The files of a model from elsewhere as a folder on this machine, verified by their digests."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pilothouse.models.package import ModelPackage, check_path
from pilothouse.storage import Store

Put = Callable[[Path, Path], object]


@contextmanager
def unpacked(store: Store, package: ModelPackage) -> Iterator[Path]:
    """The package's files in a temporary folder. Raises NotFound or Unavailable without them."""
    with tempfile.TemporaryDirectory(prefix="pilothouse-model-") as name:
        folder = Path(name)
        write_files(store, package, folder, _link)
        yield folder


def write_files(
    store: Store, package: ModelPackage, folder: Path, put: Put = shutil.copyfile
) -> None:
    """Put the package's files below a folder. Raises NotFound or Unavailable without them.

    They are copies: a model that runs could write into a file that the store shares.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for path, digest in package.files.items():
        check_path(path)
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        put(store.artifacts.local_path(digest), target)


def _link(source: Path, target: Path) -> None:
    """A hard link where the file system has them, for files that are only read."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
