"""The hyperparameters plugin: what a session began with and how it ended."""

from __future__ import annotations

from dataclasses import dataclass, field

from pilothouse.experiments.tables import FAILED
from pilothouse.interop.importing.coerce import number_text
from pilothouse.interop.importing.protobuf import (
    BYTES,
    FIXED64,
    VARINT,
    Field,
    Malformed,
    double,
    fields,
    text,
)

EXPERIMENT, SESSION_START, SESSION_END = 2, 3, 4
MAX_PARAMS = 10_000
STATUS_FAILED = 2


@dataclass
class Session:
    """What the events of a run say of its session."""

    params: dict[str, str] = field(default_factory=dict)
    description: str = ""
    user: str = ""
    group: str = ""
    model_uri: str = ""
    status: str = ""
    ended_at: float = 0.0
    problems: set[str] = field(default_factory=set)

    def read(self, body: bytes) -> None:
        """Take one content of the plugin; what it does not know is left."""
        try:
            for part in fields(body):
                if part.kind == BYTES and part.number == EXPERIMENT:
                    self._read_experiment(body, part)
                elif part.kind == BYTES and part.number == SESSION_START:
                    self._read_start(body, part)
                elif part.kind == BYTES and part.number == SESSION_END:
                    self._read_end(body, part)
        except Malformed:
            self.problems.add("hyperparameters that are no message")

    def _read_experiment(self, body: bytes, message: Field) -> None:
        for part in fields(body, message.start, message.end):
            if part.number == 1:
                self.description = text(body, part)
            elif part.number == 2:
                self.user = text(body, part)

    def _read_start(self, body: bytes, message: Field) -> None:
        for part in fields(body, message.start, message.end):
            if part.number == 1 and part.kind == BYTES:
                self._read_param(body, part)
            elif part.number == 2:
                self.model_uri = text(body, part)
            elif part.number == 4:
                self.group = text(body, part)

    def _read_end(self, body: bytes, message: Field) -> None:
        for part in fields(body, message.start, message.end):
            if part.number == 1 and part.kind == VARINT:
                self.status = FAILED if part.value == STATUS_FAILED else self.status
            elif part.number == 2 and part.kind == FIXED64:
                self.ended_at = double(body, part)

    def _read_param(self, body: bytes, entry: Field) -> None:
        key, value = "", None
        for part in fields(body, entry.start, entry.end):
            if part.number == 1:
                key = text(body, part)
            elif part.number == 2 and part.kind == BYTES:
                value = _value(body, part)
        if value is None:
            self.problems.add("a hyperparameter that is a list or a structure")
        elif key in self.params or len(self.params) < MAX_PARAMS:
            self.params[key] = value


def _value(body: bytes, message: Field) -> str | None:
    """A number, a text or a truth as text; None for a list or a structure."""
    value: str | None = ""
    for part in fields(body, message.start, message.end):
        if part.number == 2 and part.kind == FIXED64:
            value = number_text(double(body, part))
        elif part.number == 3:
            value = text(body, part)
        elif part.number == 4 and part.kind == VARINT:
            value = str(bool(part.value))
        elif part.number in (5, 6):
            value = None
    return value
