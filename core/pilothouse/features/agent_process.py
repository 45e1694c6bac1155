"""The process that answers for a feature store, and the frames that it is asked in.

Four bytes with the length, then JSON, both ways. The first frame is the agent's: the version of
its library, or why it cannot answer.
"""

from __future__ import annotations

import json
import os
import select
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from pilothouse.kit.errors import Invalid, PilothouseError, Unavailable

HEAD = struct.Struct(">I")
MAX_FRAME = 64 << 20
START_SECONDS = 120.0  # Feast alone takes 15 s to import on a busy machine
STOP_SECONDS = 5.0
LOG_BYTES = 1_500
HIDDEN = ("PILOTHOUSE_", "PYTHONPATH", "PYTHONHOME")


@dataclass(frozen=True)
class AgentProgram:
    """How the agent of a store is started.

    `store` and `package` name it and what its interpreter needs in messages.
    """

    store: str
    package: str
    interpreter: Path
    script: Path
    folder: Path
    arguments: tuple[str, ...] = ()

    @property
    def command(self) -> Sequence[str]:
        """The program with its arguments."""
        return (str(self.interpreter), "-u", str(self.script), *self.arguments)


def variables() -> dict[str, str]:
    """The environment variables of an agent: this process's own, without Pilothouse's.

    A repository reads addresses and credentials of its databases from them. Feast sends no usage.
    """
    passed = {name: text for name, text in os.environ.items() if not name.startswith(HIDDEN)}
    return passed | {"FEAST_USAGE": "False", "PYTHONUNBUFFERED": "1"}


def frame(question: Mapping[str, Any]) -> bytes:
    """A question as it is sent. Raises Invalid for one that is too large."""
    body = json.dumps(question).encode()
    if len(body) > MAX_FRAME:
        raise Invalid("too many entities are asked for at once.", hint="Ask for fewer.")
    return HEAD.pack(len(body)) + body


def check_started(program: AgentProgram, first: Mapping[str, Any]) -> str:
    """The version of the library. Raises Unavailable when the agent cannot answer."""
    if first.get("kind") == "missing":
        raise missing_package(program, str(first["error"]))
    if "error" in first:
        raise Unavailable(f"the feature store {program.store!r} cannot be opened: {first['error']}")
    return str(first["version"])


def missing_package(program: AgentProgram, message: str) -> Unavailable:
    """What is said when the interpreter does not have the library."""
    which = (
        "Pilothouse's own Python" if program.interpreter == Path(sys.executable)
        else str(program.interpreter)
    )  # fmt: skip
    return Unavailable(
        f"the package {program.package} is not installed for {which} ({message}).",
        hint="Name an interpreter that has it (--python), or let Pilothouse build one: "
        f"write {program.package} into requirements.txt, run `pilothouse environments build "
        "requirements.txt` and name the id of that environment.",
    )


def result_of(store: str, reply: Mapping[str, Any]) -> dict[str, Any]:
    """What was answered. Raises Invalid for a question that cannot be answered, or Unavailable."""
    if "error" not in reply:
        return dict(reply["result"])
    text = f"the feature store {store!r} says: {reply['error']}"
    if reply.get("kind") == "invalid":
        raise Invalid(text)
    raise Unavailable(text)


class FeatureAgent:
    """An agent that runs while the context lasts; one question at a time.

    Raises Unavailable when it does not start, ends, or does not answer in time.
    """

    def __init__(self, program: AgentProgram, start_seconds: float = START_SECONDS) -> None:
        self.program = program
        self._start_seconds = start_seconds

    def __enter__(self) -> FeatureAgent:
        self._log: IO[bytes] = tempfile.TemporaryFile()  # closed at the exit
        try:
            self._process = subprocess.Popen(
                self.program.command,
                cwd=self.program.folder,
                env=variables(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                start_new_session=True,
            )
        except OSError as refused:
            self._log.close()
            raise Unavailable(
                f"{self.program.interpreter} cannot be run: {refused.strerror}."
            ) from refused
        try:
            self.library = check_started(self.program, self._read(self._start_seconds))
        except PilothouseError:
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    def ask(self, verb: str, seconds: float, **arguments: Any) -> dict[str, Any]:
        """The result of a verb. Raises Invalid for what the store cannot answer, Unavailable."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(frame({"verb": verb, **arguments}))
            self._process.stdin.flush()
        except OSError as ended:
            raise self._ended() from ended
        return result_of(self.program.store, self._read(seconds))

    def _read(self, seconds: float) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        (size,) = HEAD.unpack(self._bytes(HEAD.size, deadline, seconds))
        return dict(json.loads(self._bytes(size, deadline, seconds)))

    def _bytes(self, size: int, deadline: float, seconds: float) -> bytes:
        assert self._process.stdout is not None
        descriptor, parts = self._process.stdout.fileno(), bytearray()
        while len(parts) < size:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([descriptor], [], [], left)[0]:
                self._process.kill()  # it would not end when its input does
                raise Unavailable(
                    f"the feature store {self.program.store!r} did not answer within {seconds:g} s."
                )
            part = os.read(descriptor, size - len(parts))
            if not part:
                raise self._ended()
            parts += part
        return bytes(parts)

    def _ended(self) -> Unavailable:
        """The agent ended by itself: its last words are the reason."""
        self._log.seek(0, os.SEEK_END)
        self._log.seek(max(self._log.tell() - LOG_BYTES, 0))
        lines = self._log.read().decode("utf-8", "replace").strip().splitlines()
        reason = f": {lines[-1]}" if lines else "."
        return Unavailable(f"the agent of feature store {self.program.store!r} ended{reason}")

    def _stop(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:  # what was not sent any more
                    continue
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()
