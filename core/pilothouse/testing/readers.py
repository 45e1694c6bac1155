"""What every reader of another tracker's history promises."""

from __future__ import annotations

import tempfile
from pathlib import Path

from pilothouse.interop.importing.readers import Reader
from pilothouse.interop.importing.report import ReportBuilder
from pilothouse.kit.errors import Invalid


def check_reader(name: str, reader: Reader) -> None:
    """Raise AssertionError, with what is wrong, unless the reader keeps every promise."""
    assert reader.title, f"{name} needs a title"
    assert reader.description.endswith("."), f"{name}: its description is a sentence"
    assert reader.accepts, f"{name} says what it accepts"
    assert not reader.accepts.endswith("."), f"{name}: what it accepts is part of a sentence"
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "notes.txt").write_text("nothing", encoding="utf-8")
        assert not reader.recognises(folder), f"{name} recognises a folder with a text file"
        file = str(Path(folder) / "notes.txt")
        assert not reader.recognises(file), f"{name} recognises a text file"
        for location in (folder, file):
            hint = _refusal(reader, location)
            assert hint is not None, f"{name} opens what it does not recognise"
            assert hint, f"{name}: the error says what to give instead"


def _refusal(reader: Reader, location: str) -> str | None:
    """The hint of the error with which a location is refused; None when it was opened."""
    try:
        reader.open(location, ReportBuilder(), None).close()
    except Invalid as refused:
        return refused.hint or ""
    return None
