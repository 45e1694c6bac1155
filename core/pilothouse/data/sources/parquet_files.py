"""A folder of Parquet files, partitioned by its folders or not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pilothouse.data.sources import Progress, SourceRows, sources
from pilothouse.kit.allowed_paths import local_path
from pilothouse.kit.parameters import Parameter, Params

if TYPE_CHECKING:
    from pilothouse.data.reading.parquet_folder import ParquetFolder


@sources.register("parquet")
class ParquetFolderSource:
    """Every Parquet file in a folder and below it, as one table."""

    title = "Parquet folder"
    description = (
        "All Parquet files of a folder as one table; folders such as region=north become columns."
    )
    needs = extra = ""
    parameters = (
        Parameter("path", "text", required=True, help="The folder on this machine, or one file."),
    )

    @staticmethod
    def check(settings: Params) -> None:
        """Raise Invalid for an address that is no path."""
        local_path(settings.text("path"))

    @staticmethod
    def place(settings: Params) -> str:
        """The folder."""
        return f"Parquet files of {local_path(settings.text('path'))}"

    @staticmethod
    def paths(settings: Params) -> Sequence[str]:
        """The folder; links inside of it are not followed."""
        return (settings.text("path"),)

    @staticmethod
    def following(settings: Params) -> Params:
        """The same folder."""
        return settings

    @staticmethod
    def identity(settings: Params) -> str:
        """A hash of the paths, sizes and times of change of the files."""
        return _folder(settings).identity

    @staticmethod
    def read(
        settings: Params, progress: Progress | None = None, most_rows: int | None = None
    ) -> SourceRows:
        """The rows by the order of the files' paths."""
        from pilothouse.data.reading.parquet_folder import read_folder

        folder = _folder(settings)
        identity = folder.identity  # of before the reading: a later change is read by a refresh
        rows = read_folder(folder, progress, most_rows)
        return SourceRows(rows, ParquetFolderSource.place(settings), identity)


def _folder(settings: Params) -> ParquetFolder:
    from pilothouse.data.reading.parquet_folder import find_files

    return find_files(local_path(settings.text("path")))
