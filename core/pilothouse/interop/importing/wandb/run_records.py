"""What the records of a run file say: facts of the run, points, console lines, artifacts."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pilothouse.experiments.metrics.summary import Points
from pilothouse.interop.importing.coerce import EARLIEST_US, LATEST_US, integer
from pilothouse.interop.importing.protobuf import (
    BYTES,
    FIXED64,
    VARINT,
    Field,
    Malformed,
    double,
    fields,
    signed,
    text,
)
from pilothouse.interop.importing.waiting_points import TOO_MANY, WaitingPoints

# Numbers of records, as in wandb_internal.proto.
HISTORY, SUMMARY, CONFIG, STATS, ARTIFACT = 2, 3, 5, 7, 8
OUTPUT_RAW, OUTPUT, RUN, EXIT, ENVIRONMENT = 13, 9, 17, 18, 26
VALUE_JSON, KEY, NESTED_KEY = 16, 1, 2
STEP, RUNTIME, TIMESTAMP = "_step", "_runtime", "_timestamp"
OWN = (STEP, RUNTIME, TIMESTAMP, "_wandb")
SYSTEM = "system/"
TYPE = "_type"  # of a medium, such as an image
FILE_NOUN, OTHER_NOUN = "files", "values of other kinds"
MEDIA_NOUNS: Mapping[str, str] = {"histogram": "histograms"}
MAX_VALUES, MAX_DEPTH = 20_000, 8
RUN_TEXTS = {
    1: "id",
    2: "entity",
    3: "project",
    6: "group",
    7: "job_type",
    8: "name",
    9: "notes",
    12: "sweep",
    13: "host",
}
Value = str | float | None


@dataclass
class RunFacts:
    """What a run's files say of it, but for its points."""

    texts: dict[str, str] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    config: dict[str, Any] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    git_remote: str = ""
    git_commit: str = ""
    program: str = ""
    user: str = ""
    python: str = ""
    started_us: int | None = None
    first_us: int | None = None
    last_us: int | None = None
    last_step: int = 0
    exit_code: int | None = None
    runtime_s: int = 0
    artifacts: dict[str, str] = field(default_factory=dict)
    has_output: bool = False
    metrics: set[str] = field(default_factory=set)
    skipped: Counter[str] = field(default_factory=Counter)
    bad_records: int = 0


class RunReader:
    """Takes records, fills the facts and gives points."""

    def __init__(self, facts: RunFacts) -> None:
        self._facts = facts
        self._waiting = WaitingPoints()
        self._stats = 0

    def read(self, record: bytes) -> Iterator[Points]:
        """Take one record; points come when enough wait. `rest` gives those that still do."""
        try:
            for part in fields(record):
                if part.kind == BYTES:
                    self._take(record, part)
        except Malformed:
            self._facts.bad_records += 1
        if self._waiting.is_full:
            yield from self.rest()

    def rest(self) -> Iterator[Points]:
        """The points that wait, in batches of one metric."""
        return self._waiting.rest()

    def _take(self, record: bytes, part: Field) -> None:
        if part.number == HISTORY:
            self._take_history(record, part)
        elif part.number == SUMMARY:
            _update(record, part, self._facts.summary)
        elif part.number == CONFIG:
            _update(record, part, self._facts.config)
        elif part.number == STATS:
            self._take_stats(record, part)
        elif part.number in (OUTPUT, OUTPUT_RAW):
            self._facts.has_output = True
        elif part.number == RUN:
            _read_run(record, part, self._facts)
        elif part.number == EXIT:
            _read_exit(record, part, self._facts)
        elif part.number == ARTIFACT:
            _read_artifact(record, part, self._facts)
        elif part.number == ENVIRONMENT:
            _read_environment(record, part, self._facts)

    def _take_history(self, record: bytes, message: Field) -> None:
        step, at_us, values = 0, None, list[tuple[str, Value]]()
        for part in fields(record, message.start, message.end):
            if part.number == 1 and part.kind == BYTES:
                path, value = _item(record, part)
                if path == STEP and isinstance(value, float) and math.isfinite(value):
                    step = int(value)
                elif path == TIMESTAMP and isinstance(value, float):
                    at_us = _micros(value)
                elif path not in OWN and path:
                    values.append((path, value))
            elif part.number == 2 and part.kind == BYTES:
                step = _first_number(record, part) or step
        at_us = self._facts.last_us if at_us is None else at_us
        at_us = self._facts.started_us if at_us is None else at_us
        at_us = 0 if at_us is None else at_us
        self._note(step, at_us)
        for path, value in self._without_media(values):
            if isinstance(value, float):
                self._add(path, step, value, at_us)
            else:
                self._add_structure(path, value, step, at_us)

    def _without_media(self, values: list[tuple[str, Value]]) -> list[tuple[str, Value]]:
        """The values but for media, whose parts newer clients write one by one."""
        kinds = {path: value for path, value in values if path.endswith(f".{TYPE}")}
        if not kinds:
            return values
        media = tuple(path.removesuffix(TYPE) for path in kinds)
        for above in media:
            has_file = any(path in (f"{above}path", f"{above}filenames") for path, _ in values)
            if not has_file:
                kind = str(_parsed(kinds[f"{above}{TYPE}"]))
                self._facts.skipped[MEDIA_NOUNS.get(kind, OTHER_NOUN)] += 1
        return [(path, value) for path, value in values if not path.startswith(media)]

    def _add_structure(self, path: str, value: Value, step: int, at_us: int) -> None:
        """A text, a truth, a list or a structure as JSON: its numbers become metrics."""
        for name, leaf in flat(path, _parsed(value)):
            if isinstance(leaf, bool | int | float):
                self._add(name, step, _float(leaf), at_us)
            elif isinstance(leaf, Media):
                self._facts.skipped[leaf.noun] += leaf.noun != FILE_NOUN
            elif leaf is not None:
                self._facts.skipped["texts and lists in histories"] += 1

    def _take_stats(self, record: bytes, message: Field) -> None:
        at_us, values = None, list[tuple[str, Value]]()
        for part in fields(record, message.start, message.end):
            if part.number == 2 and part.kind == BYTES:
                at_us = _timestamp(record, part)
            elif part.number == 3 and part.kind == BYTES:
                values.append(_item(record, part))
        if at_us is None:
            return
        for path, value in values:
            if isinstance(value, float) and path:
                self._add(SYSTEM + path, self._stats, value, at_us)
        self._stats += 1

    def _note(self, step: int, at_us: int) -> None:
        facts = self._facts
        facts.last_step = max(facts.last_step, step)
        if at_us:
            facts.first_us = at_us if facts.first_us is None else min(facts.first_us, at_us)
            facts.last_us = at_us if facts.last_us is None else max(facts.last_us, at_us)

    def _add(self, key: str, step: int, value: float, at_us: int) -> None:
        if self._waiting.add(key, step, value, at_us):
            self._facts.metrics.add(key)
        else:
            self._facts.skipped[TOO_MANY] += 1


def _read_run(record: bytes, message: Field, facts: RunFacts) -> None:
    for part in fields(record, message.start, message.end):
        if part.kind != BYTES:
            continue
        if part.number in RUN_TEXTS:
            facts.texts[RUN_TEXTS[part.number]] = text(record, part)
        elif part.number == 4:
            _update(record, part, facts.config)
        elif part.number == 5:
            _update(record, part, facts.summary)
        elif part.number == 10 and len(facts.tags) < MAX_VALUES:
            facts.tags.append(text(record, part))
        elif part.number == 17 and facts.started_us is None:
            facts.started_us = _timestamp(record, part)
        elif part.number == 21:
            for inner in fields(record, part.start, part.end):
                if inner.number == 1:
                    facts.git_remote = text(record, inner)
                elif inner.number == 2:
                    facts.git_commit = text(record, inner)


def _read_exit(record: bytes, message: Field, facts: RunFacts) -> None:
    facts.exit_code = 0
    for part in fields(record, message.start, message.end):
        if part.number == 1 and part.kind == VARINT:
            facts.exit_code = signed(part.value)
        elif part.number == 2 and part.kind == VARINT:
            facts.runtime_s = signed(part.value)


def _read_artifact(record: bytes, message: Field, facts: RunFacts) -> None:
    texts = {4: "", 5: "", 6: ""}
    for part in fields(record, message.start, message.end):
        if part.number in texts:
            texts[part.number] = text(record, part)
    if len(facts.artifacts) < MAX_VALUES:
        facts.artifacts[f"{texts[4]} {texts[5]}"] = texts[6]


def _read_environment(record: bytes, message: Field, facts: RunFacts) -> None:
    for part in fields(record, message.start, message.end):
        if part.number == 2:
            facts.python = text(record, part) or facts.python
        elif part.number == 6:
            facts.program = text(record, part) or facts.program
        elif part.number == 13:
            facts.user = text(record, part) or facts.user


def _update(record: bytes, message: Field, values: dict[str, Any]) -> None:
    """Apply the updates and removals of a config or a summary; keys are joined by dots."""
    for part in fields(record, message.start, message.end):
        if part.kind != BYTES or part.number not in (1, 2):
            continue
        path, value = _item(record, part)
        below = f"{path}."
        for key in [key for key in values if key == path or key.startswith(below)]:
            del values[key]
        if part.number == 1:
            for name, leaf in flat(path, _parsed(value)):
                if len(values) < MAX_VALUES:
                    values[name] = leaf


def _item(record: bytes, message: Field) -> tuple[str, Value]:
    """The key of an item, nested ones joined by dots, and its value: a number, or JSON."""
    key, nested, value = "", list[str](), ""
    result: Value = None
    for part in fields(record, message.start, message.end):
        if part.number == VALUE_JSON and part.kind == BYTES:
            value = text(record, part)
        elif part.number == KEY:
            key = text(record, part)
        elif part.number == NESTED_KEY:
            nested.append(text(record, part))
        elif part.number == 6 and part.kind == FIXED64:
            result = double(record, part)
        elif part.number == 5 and part.kind == VARINT:
            result = float((part.value >> 1) ^ -(part.value & 1))
        elif part.number == 4 and part.kind == VARINT:
            result = "true" if part.value else "false"
        elif part.number == 7 and part.kind == BYTES:
            result = json.dumps(text(record, part))
        elif part.number == 8 and part.kind == BYTES:
            result = text(record, part)
    path = key or ".".join(nested)
    if not value:
        return path, result
    if value[0] in '"[{tfn':
        return path, value
    try:
        return path, float(value)
    except ValueError:
        return path, value


def _parsed(value: Value) -> Any:
    """A value of JSON; a text that is none is itself."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


@dataclass(frozen=True)
class Media:
    """A value that stands for something else than a number; its file, if any, is with the run."""

    noun: str


def flat(path: str, value: Any, depth: int = 0) -> Iterator[tuple[str, Any]]:
    """The leaves of nested mappings with their paths; a medium is a leaf."""
    if not isinstance(value, dict):
        yield path, value
    elif isinstance(value.get(TYPE), str):
        kind = value[TYPE]
        has_file = isinstance(value.get("path"), str) or "filenames" in value
        yield path, Media(FILE_NOUN if has_file else MEDIA_NOUNS.get(kind, OTHER_NOUN))
    elif depth < MAX_DEPTH:
        for key, inner in value.items():
            yield from flat(f"{path}.{key}", inner, depth + 1)


def without_media(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values but for the parts of media."""
    media = tuple(key.removesuffix(TYPE) for key in values if key.endswith(f".{TYPE}"))
    return {key: value for key, value in values.items() if not key.startswith(media)}


def _float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.copysign(math.inf, value)


def _first_number(record: bytes, message: Field) -> int:
    for part in fields(record, message.start, message.end):
        if part.number == 1 and part.kind == VARINT:
            return signed(part.value)
    return 0


def _timestamp(record: bytes, message: Field) -> int | None:
    """A timestamp of seconds and nanoseconds in microseconds, or None."""
    seconds = nanos = 0
    for part in fields(record, message.start, message.end):
        if part.kind == VARINT and part.number == 1:
            seconds = signed(part.value)
        elif part.kind == VARINT and part.number == 2:
            nanos = signed(part.value)
    micros = integer(seconds * 1_000_000 + nanos // 1000)
    return micros if micros is not None and EARLIEST_US <= micros <= LATEST_US else None


def _micros(seconds: float) -> int | None:
    fits = EARLIEST_US <= seconds * 1e6 <= LATEST_US
    return round(seconds * 1e6) if fits else None


def output_lines(record: bytes) -> Iterator[str]:
    """The console lines of a record, if it has any. Raises Malformed."""
    for part in fields(record):
        if part.number in (OUTPUT, OUTPUT_RAW) and part.kind == BYTES:
            for inner in fields(record, part.start, part.end):
                if inner.number == 3:
                    yield text(record, inner)
