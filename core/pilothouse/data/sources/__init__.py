"""Where dataset versions are read from beside uploads: one module a kind, chosen by its name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from pilothouse.kit.parameters import Parameter, Params
from pilothouse.kit.plugins import Plugins

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.data.reading.arrow_rows import ArrowRows
    from pilothouse.storage import Store

Progress = Callable[[float, str], None]


@dataclass(frozen=True, eq=False)
class SourceRows:
    """What was read: a frame, a table, or a file that is registered as if it were uploaded.

    `origin` says where the rows are from, with the state that they were in; `identity` is what
    the source answers as its identity while it holds the same rows, empty when only reading tells.
    `about` is what the source knows of the version beside that, such as its parent.
    """

    rows: pd.DataFrame | ArrowRows | Path
    origin: str
    identity: str = ""
    filename: str = ""
    about: Mapping[str, Any] = field(default_factory=dict)


class DataSource(Protocol):
    """A kind of place that rows are read from. Nothing is ever written there."""

    @property
    def title(self) -> str:
        """Its name for people."""
        ...

    @property
    def description(self) -> str:
        """What is read, in a sentence or two."""
        ...

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What says which rows: the fields of its form."""
        ...

    @property
    def needs(self) -> str:
        """The package that it imports beside Pilothouse's own, by its import name; "" for none."""
        ...

    @property
    def extra(self) -> str:
        """The extra of Pilothouse that installs that package."""
        ...

    def check(self, settings: Params) -> None:
        """Raise Invalid, naming each wrong field; nothing is opened."""
        ...

    def place(self, settings: Params) -> str:
        """Where the rows are, in a few words and without secrets."""
        ...

    def paths(self, settings: Params) -> Iterable[str]:
        """Every path of this machine that is read; all must lie in the folders that are allowed."""
        ...

    def following(self, settings: Params) -> Params:
        """What a refresh reads: the same place, whatever it holds by then."""
        ...

    def identity(self, settings: Params) -> str:
        """What tells the state of the rows without reading them; "" when nothing does.

        Raises NotFound, Invalid or Unavailable when there is nothing that could be read.
        """
        ...

    def read(
        self, settings: Params, progress: Progress | None = None, most_rows: int | None = None
    ) -> SourceRows:
        """The rows, or at least the first `most_rows` of them.

        Raises NotFound, Invalid beyond a limit, Unavailable without an answer.
        """
        ...


@runtime_checkable
class WorkspaceSource(Protocol):
    """A kind that reads what the workspace itself holds, such as another dataset."""

    def within(self, workspace: Store) -> DataSource:
        """The same kind, which reads in a workspace."""
        ...


sources: Plugins[DataSource] = Plugins(__name__, "data source")
