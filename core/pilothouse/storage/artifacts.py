"""Artifacts: bytes named by their SHA-256, kept through fsspec, verified whenever they are read."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import uuid
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from pilothouse.kit.errors import Invalid, NotFound, PilothouseError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

CHUNK = 1 << 20
DIGEST = re.compile(r"[0-9a-f]{64}")


class Artifacts:
    """A content-addressed store at an fsspec URL: the same bytes are kept once."""

    def __init__(self, url: str, cache: Path) -> None:
        self.url = url.rstrip("/")
        self._cache = cache
        self._opened: Any = None

    @property
    def _fs(self) -> Any:
        if self._opened is None:
            import fsspec

            if self._is_local:  # a path, whatever its letters would mean in a URL
                self._opened = fsspec.filesystem("file")
            else:
                self._opened = fsspec.core.url_to_fs(self.url, use_listings_cache=False)[0]
        return self._opened

    @property
    def _is_local(self) -> bool:
        return "://" not in self.url

    def _path(self, digest: str) -> str:
        if not DIGEST.fullmatch(digest):
            raise Invalid(f"{digest!r} is not a SHA-256 digest.")
        return f"{self.url}/{digest[:2]}/{digest}"

    def put_bytes(self, data: bytes) -> str:
        """Keep the bytes and return their SHA-256 in hex."""
        digest = hashlib.sha256(data).hexdigest()
        if not self._is_intact(digest):
            partial = self._partial(digest)
            with self._fs.open(partial, "wb") as out:
                out.write(data)
            self._fs.mv(partial, self._path(digest))
        return digest

    def put_file(self, path: str | Path) -> str:
        """Keep a file's bytes and return their SHA-256 in hex."""
        digest = sha256_of(Path(path))
        if not self._is_intact(digest):
            partial = self._partial(digest)
            self._fs.put_file(str(path), partial)
            self._fs.mv(partial, self._path(digest))
        return digest

    def put_stream(self, source: BinaryIO) -> str:
        """Keep what an open, rewindable file holds and return its SHA-256 in hex."""
        digest = _hash(source)
        if not self._is_intact(digest):
            partial = self._partial(digest)
            source.seek(0)
            with self._fs.open(partial, "wb") as out:
                shutil.copyfileobj(source, out, CHUNK)
            self._fs.mv(partial, self._path(digest))
        return digest

    def _is_intact(self, digest: str) -> bool:
        """Whether these bytes are stored undamaged; if not, storing them again repairs them."""
        try:
            with self._fs.open(self._path(digest), "rb") as source:
                return _hash(source) == digest
        except FileNotFoundError:
            return False

    def _partial(self, digest: str) -> str:
        path = self._path(digest)
        self._fs.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
        return f"{path}.{uuid.uuid4().hex[:8]}.part"

    def read(self, digest: str) -> bytes:
        """The bytes, verified. Raises NotFound when gone, Unavailable when corrupt."""
        try:
            with self._fs.open(self._path(digest), "rb") as source:
                data: bytes = source.read()
        except FileNotFoundError as gone:
            raise _missing(digest) from gone
        _verify(digest, hashlib.sha256(data).hexdigest())
        return data

    def open(self, digest: str) -> BinaryIO:
        """The bytes as an open file, to read a part of them; not verified. Raises NotFound."""
        try:
            file: BinaryIO = self._fs.open(self._path(digest), "rb")
        except FileNotFoundError as gone:
            raise _missing(digest) from gone
        return file

    def local_path(self, digest: str) -> Path:
        """A verified file on this machine: the artifact, or a cached copy of a remote one."""
        path = Path(self._path(digest)) if self._is_local else self._cached(digest)
        try:
            _verify(digest, sha256_of(path))
        except FileNotFoundError as gone:
            raise _missing(digest) from gone
        return path

    def is_sound(self, digest: str) -> bool:
        """Whether the bytes are there and hash to their name, here and in a copy of them."""
        try:
            self.local_path(digest)
        except PilothouseError:
            return False
        return True

    def _cached(self, digest: str) -> Path:
        path = self._cache / digest
        self._path(digest)
        if not path.exists() or sha256_of(path) != digest:
            self._download(digest, path)
        return path

    def _download(self, digest: str, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{uuid.uuid4().hex[:8]}.part")
        try:
            with self._fs.open(self._path(digest), "rb") as source, partial.open("wb") as out:
                shutil.copyfileobj(source, out, CHUNK)
        except FileNotFoundError as gone:
            raise _missing(digest) from gone
        os.replace(partial, path)

    def delete(self, digest: str) -> None:
        """Remove an artifact, here and where it was copied to; one that is gone is no error."""
        with suppress(FileNotFoundError):
            self._fs.rm_file(self._path(digest))
        (self._cache / digest).unlink(missing_ok=True)

    def exists(self, digest: str) -> bool:
        """Whether the artifact is kept here."""
        return bool(self._fs.exists(self._path(digest)))

    def size(self, digest: str) -> int:
        """Bytes of an artifact. Raises NotFound when gone."""
        try:
            return int(self._fs.size(self._path(digest)))
        except FileNotFoundError as gone:
            raise _missing(digest) from gone

    def digests(self) -> Iterator[str]:
        """Every digest that is kept."""
        if self._fs.exists(self.url):
            for path in self._fs.find(self.url):
                name = str(path).rsplit("/", 1)[-1]
                if DIGEST.fullmatch(name):
                    yield name


def sha256_of(path: Path) -> str:
    """SHA-256 of a file in hex, read in pieces."""
    with path.open("rb") as source:
        return _hash(source)


def _hash(source: Any) -> str:
    hashed = hashlib.sha256()
    while piece := source.read(CHUNK):
        hashed.update(piece)
    return hashed.hexdigest()


def _verify(digest: str, actual: str) -> None:
    if digest != actual:
        raise Unavailable(
            f"the artifact {digest[:12]}… is damaged: its bytes hash to {actual[:12]}….",
            hint="Restore it from a backup, or run the job that made it again.",
        )


def _missing(digest: str) -> NotFound:
    return NotFound(
        f"the artifact {digest[:12]}… is not in the store.",
        hint="It was deleted by hand; restore it from a backup.",
    )
