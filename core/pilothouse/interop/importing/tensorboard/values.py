"""The values of a summary: what each is, and where its bytes lie in the record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pilothouse.interop.importing.protobuf import BYTES, FIXED32, FIXED64, Field, fields, text

Span = tuple[int, int]
# Numbers of fields, by message.
WALL_TIME, STEP, GRAPH, SUMMARY, RUN_METADATA, META_GRAPH = 1, 2, 4, 5, 8, 9
TAG, SIMPLE_VALUE, IMAGE, HISTOGRAM, AUDIO, TENSOR, METADATA = 1, 2, 4, 5, 6, 8, 9
IMAGE_BYTES, PLUGIN, PLUGIN_NAME, PLUGIN_CONTENT = 4, 1, 1, 2
TENSOR_BYTES, FLOATS, DOUBLES, STRINGS = 4, 5, 6, 8
WIDTHS = (4, 8)
MAX_STRINGS = 10_000
PLUGIN_NOUNS: Mapping[str, str] = {
    "histograms": "histograms",
    "audio": "audio clips",
    "pr_curves": "precision-recall curves",
    "mesh": "meshes",
    "custom_scalars": "layouts of charts",
}


@dataclass
class SummaryValue:
    """One value of a summary; spans are places in the record."""

    tag: str = ""
    plugin: str = ""
    content: Span | None = None
    number: Span | None = None
    image: Span | None = None
    strings: list[Span] = field(default_factory=list)
    noun: str = ""


def values(data: bytes, summary: Field) -> Iterator[SummaryValue]:
    """The values of a summary. Raises Malformed."""
    for value in fields(data, summary.start, summary.end):
        if value.number == 1 and value.kind == BYTES:
            yield _value(data, value)


def _value(data: bytes, message: Field) -> SummaryValue:
    value = SummaryValue()
    for part in fields(data, message.start, message.end):
        if part.number == SIMPLE_VALUE and part.kind == FIXED32:
            value.number = (part.start, part.end)
        elif part.kind != BYTES:
            continue
        elif part.number == TAG:
            value.tag = text(data, part)
        elif part.number == IMAGE:
            value.image = _bytes_of(data, part, IMAGE_BYTES)
        elif part.number == TENSOR:
            _read_tensor(data, part, value)
        elif part.number == METADATA:
            _read_metadata(data, part, value)
        elif part.number in (HISTOGRAM, AUDIO):
            value.noun = "histograms" if part.number == HISTOGRAM else "audio clips"
    return value


def _bytes_of(data: bytes, message: Field, number: int) -> Span | None:
    for part in fields(data, message.start, message.end):
        if part.number == number and part.kind == BYTES:
            return part.start, part.end
    return None


def _read_tensor(data: bytes, message: Field, value: SummaryValue) -> None:
    """A tensor of one number or of texts; any other leaves only its noun."""
    value.noun = "tensors"
    for part in fields(data, message.start, message.end):
        size = part.end - part.start
        if part.number == STRINGS and part.kind == BYTES and len(value.strings) < MAX_STRINGS:
            value.strings.append((part.start, part.end))
        elif part.number in (FLOATS, DOUBLES, TENSOR_BYTES):
            is_number = part.kind in (BYTES, FIXED32, FIXED64) and size in WIDTHS
            fits = part.number == TENSOR_BYTES or size == (4 if part.number == FLOATS else 8)
            value.number = (part.start, part.end) if is_number and fits else None


def _read_metadata(data: bytes, message: Field, value: SummaryValue) -> None:
    plugin = _bytes_of(data, message, PLUGIN)
    if plugin is None:
        return
    for part in fields(data, *plugin):
        if part.number == PLUGIN_NAME:
            value.plugin = text(data, part)
        elif part.number == PLUGIN_CONTENT and part.kind == BYTES:
            value.content = (part.start, part.end)
