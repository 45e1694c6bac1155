"""Events of a run: numbers as histories, and everything else as it comes.

Nearly every event of a long run differs from an earlier one only in its time, its step and its
number. Such a record is recognised by its other bytes, and not decoded again.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pilothouse.experiments.metrics.summary import Points
from pilothouse.interop.importing.coerce import EARLIEST_US, LATEST_US
from pilothouse.interop.importing.protobuf import (
    BYTES,
    FIXED64,
    VARINT,
    Field,
    Malformed,
    fields,
    signed,
    varint,
)
from pilothouse.interop.importing.records import BATCH
from pilothouse.interop.importing.tensorboard.frames import Batch
from pilothouse.interop.importing.tensorboard.hparams import Session
from pilothouse.interop.importing.tensorboard.values import (
    GRAPH,
    META_GRAPH,
    PLUGIN_NOUNS,
    RUN_METADATA,
    STEP,
    SUMMARY,
    WALL_TIME,
    Span,
    SummaryValue,
    values,
)

MAX_TAGS = 10_000
MAX_CONTENTS = 5_000  # images and texts of a file
MAX_WAITING = 200_000  # points of all tags that are kept before they are handed over
MAX_FORMS = 4  # of records of one length
NO_WALL_TIME = b"\0" * 8
WALL_KEY, STEP_KEY = 0x09, 0x10
IMAGES, TEXTS, HPARAMS, SCALARS = "images", "text", "hparams", "scalars"
EVENT_NOUNS = {GRAPH: "graphs", META_GRAPH: "graphs", RUN_METADATA: "run profiles"}


@dataclass
class _Series:
    """The points of a tag that wait: instants and values as their bytes."""

    key: str
    width: int
    steps: list[int] = field(default_factory=list)
    instants: list[bytes] = field(default_factory=list)
    values: list[bytes] = field(default_factory=list)


@dataclass(frozen=True)
class EventContent:
    """An image or a text: where its bytes lie in the file; images of one step are several."""

    kind: str
    tag: str
    step: int
    spans: tuple[Span, ...]


@dataclass
class EventReader:
    """Takes the records of files and gives points; `suffix` is put after the tags of numbers."""

    session: Session
    suffix: str = ""
    contents: list[EventContent] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    bad_records: int = 0
    bad_instants: int = 0
    first_us: int | None = None
    last_us: int | None = None

    def __post_init__(self) -> None:
        self._series: dict[tuple[str, int], _Series] = {}
        self._plugins: dict[str, str] = {}
        self._forms: dict[int, list[tuple[int, int, dict[bytes, _Series]]]] = {}
        self._waiting = 0

    def read(self, batch: Batch) -> Iterator[Points]:
        """Take the records; points come when enough wait. `rest` gives those that still do."""
        for data, offset in zip(*batch, strict=True):
            if not self._is_known_form(data):
                self._decode(data, offset)
        self._waiting += len(batch.records)
        if self._waiting >= MAX_WAITING:
            yield from self.rest()

    def rest(self) -> Iterator[Points]:
        """The points that wait, in batches."""
        self._waiting = 0
        for series in self._series.values():
            for start in range(0, len(series.steps), BATCH):
                points = self._points(series, slice(start, start + BATCH))
                if points.steps:
                    yield points
            series.steps, series.instants, series.values = [], [], []

    def _points(self, series: _Series, part: slice) -> Points:
        import numpy as np

        seconds = np.frombuffer(b"".join(series.instants[part]), dtype="<f8")
        numbers = np.frombuffer(b"".join(series.values[part]), dtype=f"<f{series.width}")
        steps = series.steps[part]
        with np.errstate(all="ignore"):
            micros = np.round(seconds * 1e6)
        fits = (micros >= EARLIEST_US) & (micros <= LATEST_US)  # NaN fits nowhere
        if not fits.all():
            self.bad_instants += int((~fits).sum())
            micros, numbers = micros[fits], numbers[fits]
            steps = [step for step, is_fit in zip(steps, fits.tolist(), strict=True) if is_fit]
        instants = micros.astype(np.int64).tolist()
        if instants:
            self._note_instants(min(instants), max(instants))
        with np.errstate(all="ignore"):
            return Points(series.key, steps, numbers.astype(np.float64).tolist(), at_us=instants)

    def _note_instants(self, first: int, last: int) -> None:
        self.first_us = first if self.first_us is None else min(self.first_us, first)
        self.last_us = last if self.last_us is None else max(self.last_us, last)

    def _is_known_form(self, data: bytes) -> bool:
        """Take a record that differs from an earlier one in time, step and number only."""
        # Steps of one and two bytes are read here: a call costs more than they do.
        if len(data) < 12 or data[0] != WALL_KEY or data[9] != STEP_KEY:
            return False
        step = data[10]
        if step < 0x80:
            rest = data[11:]
        elif data[11] < 0x80:
            step, rest = (step & 0x7F) | data[11] << 7, data[12:]
        else:
            step, after = _after_step(data) or (0, len(data))
            rest = data[after:]
        for start, end, series_by_rest in self._forms.get(len(rest), ()):
            series = series_by_rest.get(rest[:start] + rest[end:])
            if series is not None:
                series.steps.append(step)
                series.instants.append(data[1:9])
                series.values.append(rest[start:end])
                return True
        return False

    def _decode(self, data: bytes, offset: int) -> None:
        wall, step, summaries = NO_WALL_TIME, 0, list[Field]()
        try:
            for part in fields(data):
                if part.number == WALL_TIME and part.kind == FIXED64:
                    wall = data[part.start : part.end]
                elif part.number == STEP and part.kind == VARINT:
                    step = signed(part.value)
                elif part.number == SUMMARY and part.kind == BYTES:
                    summaries.append(part)
                elif part.number in EVENT_NOUNS:
                    self.skipped[EVENT_NOUNS[part.number]] += 1
            summary_values = [value for summary in summaries for value in values(data, summary)]
        except Malformed:
            self.bad_records += 1
            return
        self._note_wall(wall)
        for value in summary_values:
            series = self._take((data, offset), value, wall, step)
            if series is not None and len(summary_values) == 1 and value.number is not None:
                self._learn(data, value.number, series)

    def _note_wall(self, wall: bytes) -> None:
        [seconds] = struct.unpack("<d", wall)
        if EARLIEST_US <= seconds * 1e6 <= LATEST_US and wall != NO_WALL_TIME:
            self._note_instants(round(seconds * 1e6), round(seconds * 1e6))

    def _take(
        self, record: tuple[bytes, int], value: SummaryValue, wall: bytes, step: int
    ) -> _Series | None:
        """Keep a value; the series when it is a number."""
        plugin = value.plugin or self._plugins.get(value.tag, "")
        if value.plugin and len(self._plugins) < MAX_TAGS:
            self._plugins[value.tag] = value.plugin
        if plugin == HPARAMS and value.content is not None:
            self.session.read(record[0][slice(*value.content)])
        elif value.image is not None or (plugin == IMAGES and len(value.strings) > 2):
            # A tensor of images has its width and its height before them.
            spans = value.strings[2:] if value.image is None else [value.image]
            self._keep(IMAGES, record[1], value.tag, step, spans)
        elif plugin == "text" and value.strings:
            self._keep(TEXTS, record[1], value.tag, step, value.strings)
        elif value.number is not None and (plugin == SCALARS or not value.noun):
            return self._number(record[0], value, wall, step)
        else:
            self.skipped[PLUGIN_NOUNS.get(plugin, value.noun or "values of other kinds")] += 1
        return None

    def _keep(self, kind: str, offset: int, tag: str, step: int, spans: Sequence[Span]) -> None:
        if len(self.contents) >= MAX_CONTENTS:
            self.skipped[f"images and texts beyond {MAX_CONTENTS:,} of a file"] += 1
            return
        within_file = tuple((offset + a, offset + b) for a, b in spans)
        self.contents.append(EventContent(kind, tag, step, within_file))

    def _number(self, data: bytes, value: SummaryValue, wall: bytes, step: int) -> _Series | None:
        assert value.number is not None
        start, end = value.number
        name = value.tag, end - start
        if name not in self._series:
            if len(self._series) >= MAX_TAGS:
                self.skipped[f"points of more than {MAX_TAGS:,} metrics"] += 1
                return None
            self._series[name] = _Series(value.tag + self.suffix, end - start)
        series = self._series[name]
        series.steps.append(step)
        series.instants.append(wall)
        series.values.append(data[start:end])
        return series

    def _learn(self, data: bytes, number: Span, series: _Series) -> None:
        """Recognise the next record of this form by all but its time, step and number."""
        split = _after_step(data)
        if split is None or number[0] < split[1]:
            return
        _, after = split
        start, end, rest = number[0] - after, number[1] - after, data[after:]
        forms = self._forms.setdefault(len(rest), [])
        for known_start, known_end, series_by_rest in forms:
            if (known_start, known_end) == (start, end) and len(series_by_rest) < MAX_TAGS:
                series_by_rest[rest[:start] + rest[end:]] = series
                return
        if len(forms) < MAX_FORMS:
            forms.append((start, end, {rest[:start] + rest[end:]: series}))


def _after_step(data: bytes) -> tuple[int, int] | None:
    """The step of an event that begins with its time and its step, and where the rest begins."""
    if len(data) < 10 or data[0] != WALL_KEY:
        return None
    if data[9] != STEP_KEY:
        return 0, 9
    if len(data) > 10 and data[10] < 0x80:
        return data[10], 11
    try:
        value, after = varint(data, 10, len(data))
    except Malformed:
        return None
    return signed(value), after
