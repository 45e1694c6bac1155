"""The files of a model from elsewhere as a folder on this machine, verified by their digests."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pilothouse.models.package import ModelPackage, check_path
from pilothouse.storage import Store


@contextmanager
def unpacked(store: Store, package: ModelPackage) -> Iterator[Path]:
    """The package's files in a temporary folder. Raises NotFound or Unavailable without them."""
    with tempfile.TemporaryDirectory(prefix="pilothouse-model-") as name:
        folder = Path(name)
        for path, digest in package.files.items():
            check_path(path)
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            _copy(store.artifacts.local_path(digest), target)
        yield folder


def _copy(source: Path, target: Path) -> None:
    """A hard link where the file system has them: models can be large."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
