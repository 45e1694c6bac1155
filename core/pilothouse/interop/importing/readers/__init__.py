"""Readers of other trackers' histories, one module each: what they accept and how they open it."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from pilothouse.interop.importing.records import ImportSource
from pilothouse.interop.importing.report import ReportBuilder
from pilothouse.kit.plugins import Plugins


class Reader(Protocol):
    """A tracker whose histories are read."""

    @property
    def title(self) -> str:
        """The tracker's name, as people know it."""
        ...

    @property
    def description(self) -> str:
        """What of it is read, in a sentence or two."""
        ...

    @property
    def accepts(self) -> str:
        """What to give, as the middle of a sentence: "a folder of ..."."""
        ...

    def recognises(self, location: str) -> bool:
        """Whether it reads what is there: an absolute path that exists, or an http address.

        Other kinds of folder are asked about too, so it looks at a limited number of files, and
        raises nothing but OSError.
        """
        ...

    def open(self, location: str, report: ReportBuilder, artifacts: Path | None) -> ImportSource:
        """Open it; `artifacts` is a folder with its files, if one was given.

        Raises Invalid or Unavailable, saying what to give instead.
        """
        ...


MAX_LOOKED_AT = 20_000  # files of a folder, to recognise whose it is
readers: Plugins[Reader] = Plugins(__name__, "reader")
