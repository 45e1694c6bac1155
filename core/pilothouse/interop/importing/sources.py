"""From a path or an address to the reader that opens it."""

from __future__ import annotations

from pathlib import Path

from pilothouse.interop.importing.mlflow.http_client import checked_address
from pilothouse.interop.importing.readers import readers
from pilothouse.interop.importing.records import ImportSource
from pilothouse.interop.importing.report import ReportBuilder
from pilothouse.interop.importing.sandbox import local_path
from pilothouse.kit.errors import Invalid, NotFound, Unavailable

SQLITE = "sqlite:"


def normalised(source: str) -> str:
    """A path or an address in a form that means the same in every process.

    Raises Invalid when it is none of the kinds, NotFound when there is no such path.
    """
    text = source.strip()
    if not text:
        raise Invalid("an import needs a source.", hint=_hint(), fields={"source": "needed"})
    if text.lower().startswith(("http:", "https:")):
        return checked_address(text)
    path = Path(_path(text)).expanduser()
    if not path.exists():
        raise NotFound(f"there is nothing at {path}.", hint=_hint())
    return str(path.resolve())


def _path(text: str) -> str:
    """The path in a text; SQLAlchemy's URLs have three slashes before a path, four before `/`."""
    if text.lower().startswith(SQLITE):
        return text[len(SQLITE) :].removeprefix("///").split("?")[0]
    if text.lower().startswith("file:"):
        return local_path(text)
    if "://" in text:
        raise Invalid(f"{text.split(':')[0]!r} is nothing that can be read.", hint=_hint())
    return text


def open_source(
    source: str, report: ReportBuilder, artifacts: str = "", tracker: str = ""
) -> ImportSource:
    """Open a source for reading with the reader named `tracker`, else the one that recognises it.

    Raises NotFound, Invalid or Unavailable, saying what to do.
    """
    location = normalised(source)
    beside = Path(artifacts).expanduser() if artifacts else None
    if beside is not None and not beside.is_dir():
        raise NotFound(f"there is no folder at {beside}.")
    try:
        return readers.get(tracker or _recognised(location)).open(location, report, beside)
    except OSError as broken:
        raise Unavailable(f"{location} cannot be read: {broken.strerror}.") from broken


def _recognised(location: str) -> str:
    names = [name for name, reader in readers.items() if reader.recognises(location)]
    if not names:
        titles = " or ".join(reader.title for _, reader in readers.items())
        raise Invalid(f"{location} holds no experiment of {titles}.", hint=_hint())
    if len(names) > 1:
        titles = " and ".join(readers.get(name).title for name in names)
        hint = f"Say which tracker: {', '.join(names)}."
        raise Invalid(f"{location} holds what {titles} wrote.", hint=hint)
    return names[0]


def _hint() -> str:
    return f"Give {'; or '.join(reader.accepts for _, reader in readers.items())}."
