"""What DVC tracks: the content that a `.dvc` file or `dvc.lock` names, from its cache."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from pilothouse.data.sources import Progress, SourceRows, sources
from pilothouse.kit.allowed_paths import local_path
from pilothouse.kit.errors import Invalid, NotFound
from pilothouse.kit.parameters import Parameter, Params

if TYPE_CHECKING:
    from pilothouse.data.reading.dvc_pointers import Repository, TrackedOutput

MAX_PREVIEWED = 5  # files of a folder that a preview reads


@sources.register("dvc")
class DvcSource:
    """A tracked file, or a file or all Parquet files of a tracked folder."""

    title = "DVC"
    description = (
        "A file or folder that DVC tracks, from its cache or a remote on this machine; verified by "
        "its MD5."
    )
    needs = extra = ""
    parameters = (
        Parameter("path", "text", required=True, help="A .dvc file or a dvc.lock."),
        Parameter("out", "text", "", title="Output", help="Its path, when several are named."),
        Parameter("file", "text", "", help="A file in a tracked folder; empty: all its Parquet."),
        Parameter(
            "cache",
            "text",
            "",
            title="Cache",
            help="The folder of a cache or remote, beside those that the repository names.",
        ),
    )

    @staticmethod
    def check(settings: Params) -> None:
        """Raise Invalid for addresses that are no paths."""
        local_path(settings.text("path"))
        _cache(settings)

    @staticmethod
    def place(settings: Params) -> str:
        """The pointer, and what of it is read."""
        chosen = [settings.text(name) for name in ("out", "file") if settings.text(name)]
        return ", ".join([f"DVC {local_path(settings.text('path'))}", *chosen])

    @staticmethod
    def paths(settings: Params) -> Iterator[str]:
        """The pointer first, and then every cache and remote that its repository names."""
        yield settings.text("path")
        yield from map(str, _repository(settings).stores)

    @staticmethod
    def following(settings: Params) -> Params:
        """The same pointer, whatever it names by then."""
        return settings

    @staticmethod
    def identity(settings: Params) -> str:
        """The MD5 that the pointer names."""
        return f"md5 {_output(settings).md5}"

    @staticmethod
    def read(
        settings: Params, progress: Progress | None = None, most_rows: int | None = None
    ) -> SourceRows:
        """The tracked file, or the Parquet files of a tracked folder as one table."""
        output, repository = _output(settings), _repository(settings)
        identity = f"md5 {output.md5}"
        origin = f"{DvcSource.place(settings)}, {identity}"
        if not output.is_folder:
            return _one(repository, output.md5, output.path, origin, identity)
        from pilothouse.data.reading.dvc_pointers import files_of

        files = files_of(repository, output)
        name = _only(files, settings.text("file"), output.path)
        if name is not None:
            return _one(repository, files[name], name, origin, identity)
        return _all(repository, files, origin, identity, progress, most_rows)


def _one(repository: Repository, md5: str, name: str, origin: str, identity: str) -> SourceRows:
    from pilothouse.data.reading.dvc_pointers import find_object

    path = find_object(repository, md5)
    return SourceRows(path, origin, identity, filename=PurePosixPath(name).name)


def _only(files: Mapping[str, str], name: str, folder: str) -> str | None:
    """The one file of a folder that is read; None for all its Parquet files."""
    from pilothouse.data.reading.dvc_pointers import names_of
    from pilothouse.data.reading.parquet_folder import ENDINGS

    if name and name not in files:
        raise NotFound(f"{folder} has no file {name!r}.", hint=f"It has {names_of(list(files))}.")
    if name or len(files) == 1:
        return name or next(iter(files))
    if all(file.lower().endswith(ENDINGS) for file in files):
        return None
    raise Invalid(
        f"{folder} holds {len(files):,} files that are not all Parquet.",
        hint=f"Name one of them: {names_of(list(files))}.",
        fields={"params.file": "needed"},
    )


def _all(
    repository: Repository,
    files: Mapping[str, str],
    origin: str,
    identity: str,
    progress: Progress | None,
    most_rows: int | None,
) -> SourceRows:
    from pilothouse.data.reading.dvc_pointers import find_object
    from pilothouse.data.reading.parquet_folder import ParquetFile, ParquetFolder, read_folder

    names = sorted(files) if most_rows is None else sorted(files)[:MAX_PREVIEWED]
    parts = [
        ParquetFile(find_object(repository, files[name]), PurePosixPath(name)) for name in names
    ]
    return SourceRows(
        read_folder(ParquetFolder(tuple(parts)), progress, most_rows), origin, identity
    )


def _output(settings: Params) -> TrackedOutput:
    from pilothouse.data.reading.dvc_pointers import read_output

    return read_output(local_path(settings.text("path")), settings.text("out").strip())


def _repository(settings: Params) -> Repository:
    from pilothouse.data.reading.dvc_pointers import find_repository

    return find_repository(local_path(settings.text("path")), str(_cache(settings) or ""))


def _cache(settings: Params) -> Path | None:
    text = settings.text("cache").strip()
    return local_path(text) if text else None
