"""What DVC tracks, read without DVC: pointers, the lock file, and objects named by their MD5.

A pointer is a `.dvc` file or an output in `dvc.lock`. Its object lies in the cache of the
repository, or in a remote that is a folder; each file is verified by its MD5 before it is used.
"""

from __future__ import annotations

import configparser
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from pilothouse.kit.errors import Invalid, NotFound, Unavailable
from pilothouse.kit.yaml_file import MAX_BYTES, read_yaml

HASH = re.compile(r"([0-9a-f]{32})(\.dir)?")
REMOTE = re.compile(r"""['"]?remote ["'](?P<name>[^"']+)["']['"]?""")
OBJECTS = ("files", "md5")
CHUNK = 1 << 20
MAX_LIST = 1 << 26  # bytes of the list of a tracked folder
MAX_FILES = 20_000
MAX_NAMED = 8


@dataclass(frozen=True)
class TrackedOutput:
    """A file or folder that DVC tracks: its path as written, and the MD5 of its content."""

    path: str
    md5: str

    @property
    def is_folder(self) -> bool:
        """Whether its object is a list of files."""
        return self.md5.endswith(".dir")


@dataclass(frozen=True)
class Repository:
    """Where objects may lie, the cache first, and the addresses that are not read."""

    stores: tuple[Path, ...]
    elsewhere: tuple[str, ...]


def read_output(pointer: Path, name: str) -> TrackedOutput:
    """The output in a `.dvc` file or `dvc.lock`: the only one, or that of the name.

    Raises NotFound, Invalid for a file that is none of these or is of DVC 2.
    """
    _check_there(pointer)
    with pointer.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    try:
        value = read_yaml(content.decode("utf-8")).value
    except UnicodeDecodeError as wrong:
        raise _no_pointer(pointer) from wrong
    outputs = [item for item in _outputs(value) if isinstance(item, Mapping)]
    if not outputs:
        raise _no_pointer(pointer)
    names = [str(item.get("path", "")) for item in outputs]
    if not name and len(outputs) > 1:
        raise Invalid(
            f"{pointer.name} names {len(outputs)} outputs.",
            hint=f"Choose one: {', '.join(names[:MAX_NAMED])}.",
            fields={"params.out": "needed"},
        )
    if name and name not in names:
        raise NotFound(
            f"{pointer.name} names no output {name!r}.",
            hint=f"It names {', '.join(names[:MAX_NAMED])}.",
        )
    return _output(pointer, outputs[names.index(name) if name else 0])


def find_repository(pointer: Path, cache: str) -> Repository:
    """Where the objects of a pointer may lie: `cache` if one is given, and what `.dvc` says.

    Raises NotFound for no pointer, and outside of a repository when no cache is given.
    """
    _check_there(pointer)
    named = (Path(cache).expanduser(),) if cache else ()
    root = root_of(pointer)
    if root is None:
        if named:
            return Repository(named, ())
        raise NotFound(
            f"{pointer} lies in no repository of DVC: there is no .dvc folder above it.",
            hint="Give the folder of the cache, or of a remote.",
        )
    folder = root / ".dvc"
    cache_folder, remotes, elsewhere = _configured(folder)
    return Repository((*named, cache_folder or folder / "cache", *remotes), tuple(elsewhere))


def root_of(path: Path) -> Path | None:
    """The repository that a path lies in: the nearest folder above it with a `.dvc`."""
    return next((p for p in path.resolve().parents if (p / ".dvc").is_dir()), None)


def cache_of(root: Path) -> Path:
    """The cache of a repository: the one in its configuration, or that in `.dvc`."""
    cache, _, _ = _configured(root / ".dvc")
    return cache or root / ".dvc" / "cache"


def find_object(repository: Repository, md5: str) -> Path:
    """The file of an object, verified by its MD5. Raises Unavailable when no store has it whole."""
    match = HASH.fullmatch(md5)
    if match is None:
        raise Invalid(f"{md5!r:.60} is not an MD5 as DVC writes it.")
    damaged = []
    for store in repository.stores:
        path = _object_path(store, md5)
        if path is None:
            continue
        if md5_of(path) == match[1]:
            return path
        damaged.append(path)
    if damaged:
        raise Unavailable(
            f"the object {md5} is damaged: its content has another MD5.",
            hint="Fetch it again with `dvc fetch`, after its file in the cache was removed.",
        )
    remotes = f" It may be at {', '.join(repository.elsewhere)}." if repository.elsewhere else ""
    raise Unavailable(
        f"the object {md5} is neither in the cache of DVC nor in a remote on this machine."
        f"{remotes}",
        hint="Run `dvc fetch` in the repository, or `dvc cache migrate` after DVC 2.",
    )


def files_of(repository: Repository, output: TrackedOutput) -> dict[str, str]:
    """The files in a tracked folder: the MD5 of each by its path. Raises Invalid, Unavailable."""
    path = find_object(repository, output.md5)
    if path.stat().st_size > MAX_LIST:
        raise Invalid(f"the list of files of {output.path} is larger than {MAX_LIST >> 20} MB.")
    try:
        entries = json.loads(path.read_bytes())
        files = {str(entry["relpath"]): str(entry["md5"]) for entry in entries}
    except (ValueError, KeyError, TypeError, RecursionError) as broken:
        raise Invalid(f"the list of files of {output.path} is none that DVC writes.") from broken
    if len(files) > MAX_FILES:
        raise Invalid(f"{output.path} holds more than {MAX_FILES:,} files.")
    for name in files:
        parts = PurePosixPath(name).parts
        if not parts or ".." in parts or name.startswith("/") or "\0" in name:
            raise Invalid(f"{output.path} lists the file {name!r:.60}, which lies outside of it.")
    return files


def md5_of(path: Path) -> str:
    """The MD5 of a file's bytes, in hex."""
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while piece := file.read(CHUNK):
            digest.update(piece)
    return digest.hexdigest()


def _check_there(pointer: Path) -> None:
    if not pointer.is_file():
        raise NotFound(f"there is no file {pointer}.", hint="Give a .dvc file or a dvc.lock.")


def _outputs(value: Any) -> Iterator[Any]:
    if not isinstance(value, Mapping):
        return
    stages = value.get("stages")
    if isinstance(stages, Mapping):
        for stage in stages.values():
            yield from _outputs(stage)
    if isinstance(value.get("outs"), list):
        yield from value["outs"]


def _output(pointer: Path, item: Mapping[str, Any]) -> TrackedOutput:
    path, md5 = item.get("path"), item.get("md5")
    if not isinstance(path, str) or not isinstance(md5, str) or not HASH.fullmatch(md5):
        raise Invalid(
            f"{pointer.name} has no MD5 of {path!r:.60}.",
            hint="Run `dvc commit`; outputs that a cloud keeps in versions are not read.",
        )
    if item.get("hash") != "md5":
        raise Invalid(
            f"{pointer.name} was written by DVC 2, whose MD5 is that of the text without its line "
            "ends.",
            hint="Run `dvc cache migrate --dvc-files` with DVC 3.",
        )
    return TrackedOutput(path, md5)


def _no_pointer(pointer: Path) -> Invalid:
    return Invalid(
        f"{pointer} names nothing that DVC tracks.",
        hint="Give a .dvc file, or the dvc.lock of a pipeline that has run.",
        fields={"path": "is no pointer of DVC"},
    )


def _configured(folder: Path) -> tuple[Path | None, list[Path], list[str]]:
    """The cache, the remotes that are folders, and the addresses of others, of `.dvc/config`."""
    cache: Path | None = None
    remotes: dict[str, str] = {}
    for name in ("config", "config.local"):
        parser = configparser.ConfigParser(interpolation=None, strict=False)
        try:
            parser.read(folder / name, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError) as wrong:
            raise Invalid(f"{folder / name} cannot be read as a configuration.") from wrong
        for section in parser.sections():
            match = REMOTE.fullmatch(section)
            if match and parser[section].get("url"):
                remotes[match["name"]] = parser[section]["url"]
        if parser.get("cache", "dir", fallback=""):
            cache = folder / Path(parser["cache"]["dir"]).expanduser()
    local = [folder / Path(url).expanduser() for url in remotes.values() if "://" not in url]
    return cache, local, [url for url in remotes.values() if "://" in url]


def _object_path(store: Path, md5: str) -> Path | None:
    """The file of an object in a cache or remote, which no link may lead out of."""
    for root in (store.joinpath(*OBJECTS), store):
        path = root / md5[:2] / md5[2:]
        if path.is_file() and not path.is_symlink():
            inside = path.resolve().is_relative_to(store.resolve())
            return path if inside else None
    return None


def names_of(files: Sequence[str]) -> str:
    """The first names of a list, for a message."""
    return ", ".join(sorted(files)[:MAX_NAMED])
