"""The lines in which MLflow's file store keeps points: `timestamp value step`."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator

from pilothouse.experiments.metrics.summary import Points
from pilothouse.interop.importing import coerce
from pilothouse.interop.importing.records import BATCH, MetricRecord

MAX_LINE_LENGTH = 4096


def points(key: str, pieces: Iterable[bytes]) -> Generator[Points, None, int]:
    """The points of a metric in batches; returns how many lines were not points.

    Old lines have no step; newer ones may end with the name and digest of a dataset.
    """
    steps: list[int] = []
    values: list[float] = []
    instants: list[int] = []
    bad = 0
    for line in whole_lines(pieces):
        point = _point(line)
        if point is None:
            bad += 1
            continue
        instants.append(point[0])
        values.append(point[1])
        steps.append(point[2])
        if len(steps) == BATCH:
            yield Points(key, steps, values, at_us=instants)
            steps, values, instants = [], [], []
    if steps:
        yield Points(key, steps, values, at_us=instants)
    return bad


def _point(line: bytes | None) -> tuple[int, float, int] | None:
    parts = line.split(maxsplit=3) if line else []
    if len(parts) < 2:
        return None
    at = coerce.micros(parts[0].decode("ascii", "replace"))
    value = coerce.number(parts[1].decode("ascii", "replace"))
    step = coerce.integer(parts[2].decode("ascii", "replace")) if len(parts) > 2 else 0
    return None if at is None or value is None or step is None else (at, value, step)


def whole_lines(pieces: Iterable[bytes]) -> Iterator[bytes | None]:
    """The lines of a file; None for one that is too long or was not written completely."""
    rest, is_long = b"", False
    for piece in pieces:
        first, *others = piece.split(b"\n")
        if not others:
            rest, is_long = _extended(rest, first, is_long)
            continue
        yield None if is_long or len(rest) + len(first) > MAX_LINE_LENGTH else rest + first
        *middle, rest = others
        for line in middle:
            yield line if len(line) <= MAX_LINE_LENGTH else None
        rest, is_long = _extended(b"", rest, False)
    if rest or is_long:
        yield None


def _extended(rest: bytes, more: bytes, is_long: bool) -> tuple[bytes, bool]:
    if is_long or len(rest) + len(more) > MAX_LINE_LENGTH:
        return b"", True
    return rest + more, False


def model_metrics(key: str, body: bytes) -> Iterator[MetricRecord]:
    """The metrics of a logged model: `timestamp value step run`, then a dataset, if any."""
    for line in whole_lines([body]):
        parts = coerce.text(line or b"").split(" ")
        at, value = coerce.instant(parts[0]), coerce.number(parts[1] if len(parts) > 1 else "")
        step = coerce.integer(parts[2] if len(parts) > 2 else 0)
        if at is None or value is None or step is None:
            continue
        run = parts[3] if len(parts) > 3 else ""
        named = parts[4:]
        dataset = (" ".join(named[:-1]), named[-1]) if len(named) > 1 else ("", "")
        yield MetricRecord(key, value, at, step, run, *dataset)
