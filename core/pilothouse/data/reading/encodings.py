"""The encoding of a text file, and its text as UTF-8."""

from __future__ import annotations

import codecs
import re
from dataclasses import replace
from pathlib import Path

from pilothouse.data.reading.containers import Content
from pilothouse.kit.errors import Invalid

BYTE_ORDER_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
NAMES = {"utf-8": "UTF-8", "utf-8-sig": "UTF-8", "utf-16": "UTF-16", "cp1252": "Windows-1252"}
SEQUENCE = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)
HIGH = re.compile(rb"[\x80-\xff]")
CHUNK = 1 << 20
TAIL = 4  # bytes at the end of a beginning that may be half a character
SAMPLE = 40


def as_utf8(content: Content, encoding: str | None, scratch: Path) -> tuple[Content, str, str]:
    """A text in UTF-8 without a byte order mark, the encoding it had, and a note about it.

    Raises Invalid for a file that is not text, or not in the declared encoding.
    """
    head = content.head()
    marked = next((name for mark, name in BYTE_ORDER_MARKS if head.startswith(mark)), None)
    if marked != "utf-16" and b"\0" in head and not encoding:
        raise Invalid(
            "row 0 (the header), column 1: the file is not a text file.",
            hint="Save it as CSV in UTF-8, or name its encoding.",
            fields={"source": "is not a text file"},
        )

    name = codecs.lookup(encoding).name if encoding else marked or _detect(content)
    if name == "utf-8" and marked:
        name = marked

    if name == "utf-8":
        return content, "UTF-8", ""
    if name == "utf-8-sig":
        return _transcode(content, "utf-8-sig", scratch), "UTF-8 with a byte order mark", ""

    note = "" if encoding or marked else _note(content)
    return _transcode(content, name, scratch), NAMES.get(name, encoding or name), note


def _detect(content: Content) -> str:
    """UTF-8, or Windows-1252 when the bytes above ASCII form no characters of UTF-8."""
    sequences = high = 0
    decoder = codecs.getincrementaldecoder("utf-8")()
    valid = True

    with content.opened() as file:
        while block := file.read(CHUNK):
            if valid:
                try:
                    decoder.decode(block)
                except UnicodeDecodeError:
                    valid = False
            if not block.isascii():
                high += len(HIGH.findall(block))
                sequences += sum(len(match) for match in SEQUENCE.findall(block))

    if valid or (high and sequences >= high / 2):
        return "utf-8"
    return "cp1252"


def _note(content: Content) -> str:
    """How the first text above ASCII reads, so that a person can check the encoding."""
    with content.opened() as file:
        while block := file.read(CHUNK):
            at = HIGH.search(block)
            if at:
                start = max(at.start() - SAMPLE, 0)
                text = block[start : at.start() + SAMPLE].decode("cp1252", errors="replace")
                word = next((w for w in re.split(r"[\s,;|\"]+", text) if not w.isascii()), text)
                return (
                    f"the file is not UTF-8; it was read as Windows-1252, such as {word!r}: "
                    "choose another encoding if that is wrong"
                )
    return ""


def _transcode(content: Content, encoding: str, scratch: Path) -> Content:
    """The text written again in UTF-8. Raises Invalid that names the byte that is not it."""
    path = scratch / "text"
    errors = "windows_1252" if encoding == "cp1252" else "strict"
    decoder = codecs.getincrementaldecoder(encoding)(errors)
    position = 0

    with content.opened() as file, path.open("wb") as out:
        while block := file.read(CHUNK):
            try:
                out.write(decoder.decode(block).encode("utf-8"))
            except UnicodeError as bad:
                at = position + getattr(bad, "start", 0)
                raise Invalid(
                    f"byte {at:,} of the file is not {encoding}: {bad}.",
                    hint="Name the encoding that the file has, such as utf-8 or windows-1252.",
                    fields={"encoding": "is another one"},
                ) from bad
            position += len(block)

        if content.whole:
            try:
                out.write(decoder.decode(b"", final=True).encode("utf-8"))
            except UnicodeError as bad:
                raise Invalid(
                    f"the file ends in the middle of a character of {encoding}.",
                    fields={"encoding": "is another one"},
                ) from bad

    return replace(content, data=path)


def _unassigned(error: UnicodeError) -> tuple[str, int]:
    """What browsers do with the five bytes that Windows-1252 leaves open."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("latin-1"), error.end


codecs.register_error("windows_1252", _unassigned)
