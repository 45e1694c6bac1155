"""What a job makes and what is a file then: asked for, waited for, and saved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pilothouse.cli.jobs import wait_for
from pilothouse.cli.output import Output

if TYPE_CHECKING:
    from pathlib import Path

    from pilothouse.workspace import Workspace


@dataclass(frozen=True)
class MadeFile:
    """A kind of such files: its noun, and how one is read by its id.

    `info` gives what has an `id`, a `status` and the `job_id` that makes it.
    """

    noun: str
    info: Callable[[str], Any]
    content: Callable[[str], bytes]

    def requested(self, ws: Workspace, number: str, output: Path | None) -> Output:
        """Wait for it and save it when a file is named; otherwise a worker makes it meanwhile."""
        if output is None:
            return Output({self.noun: number}, f"{self.noun} {number}: a running worker makes it")
        wait_for(ws, self.info(number).job_id)
        return self.saved(number, output)

    def saved(self, number: str, output: Path | None) -> Output:
        """What is to say of it, and its content in the file when one is named."""
        info = self.info(number)
        if output is not None:
            output.write_bytes(self.content(number))
        where = f" in {output}" if output else ""
        return Output(info, f"{self.noun} {info.id}: {info.status}{where}")
