"""A Delta table, at its newest version, a version or a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pilothouse.data.sources import Progress, SourceRows, sources
from pilothouse.kit.allowed_paths import local_path
from pilothouse.kit.errors import Invalid
from pilothouse.kit.parameters import Parameter, Params

if TYPE_CHECKING:
    from pilothouse.data.reading.delta_table import DeltaVersion


@sources.register("delta")
class DeltaSource:
    """A folder with a Delta log."""

    title = "Delta table"
    description = "A version of a Delta table; a refresh reads the newest by then."
    needs, extra = "deltalake", "delta"
    parameters = (
        Parameter("path", "text", required=True, help="The table's folder on this machine."),
        Parameter("version", "integer", None, 0, help="Empty: the newest, or that of the time."),
        Parameter(
            "at",
            "text",
            "",
            title="Time",
            help="The newest version of then, such as 2026-03-01 or 2026-03-01T12:00; UTC.",
        ),
        Parameter("columns", "text", "", help="Names with commas between them; empty: all."),
    )

    @staticmethod
    def check(settings: Params) -> None:
        """Raise Invalid for both a version and a time, and for a time that is none."""
        local_path(settings.text("path"))
        if settings["version"] is not None and _at(settings) is not None:
            raise Invalid(
                "give either a version or a time.", fields={"params.at": "a version is given too"}
            )

    @staticmethod
    def place(settings: Params) -> str:
        """The table's folder."""
        return f"Delta table {local_path(settings.text('path'))}"

    @staticmethod
    def paths(settings: Params) -> Sequence[str]:
        """The table's folder."""
        return (settings.text("path"),)

    @staticmethod
    def following(settings: Params) -> Params:
        """The newest version of the same table."""
        return Params({**settings, "version": None, "at": ""})

    @staticmethod
    def identity(settings: Params) -> str:
        """The table's id and the version."""
        return _opened(settings).identity

    @staticmethod
    def read(
        settings: Params, progress: Progress | None = None, most_rows: int | None = None
    ) -> SourceRows:
        """The rows of the version, by the order of their columns."""
        from pilothouse.data.reading.delta_table import read_version

        opened = _opened(settings)
        names = [name.strip() for name in settings.text("columns").split(",") if name.strip()]
        rows = read_version(opened, names, progress, most_rows)
        origin = f"{DeltaSource.place(settings)}, version {opened.version}"
        return SourceRows(rows, origin, opened.identity)


def _opened(settings: Params) -> DeltaVersion:
    from pilothouse.data.reading.delta_table import open_version

    version = settings["version"]
    folder = local_path(settings.text("path"))
    return open_version(folder, None if version is None else int(version), _at(settings))


def _at(settings: Params) -> datetime | None:
    """The instant that is asked for, in UTC. Raises Invalid when it is none."""
    text = settings.text("at").strip()
    if not text:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as wrong:
        raise Invalid(
            f"{text!r} is not a time.",
            hint="Write it as 2026-03-01 or 2026-03-01T12:00+01:00; UTC unless it says.",
            fields={"params.at": "is not a time"},
        ) from wrong
    return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)
