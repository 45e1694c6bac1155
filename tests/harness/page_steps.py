"""The steps of a page under docs/how-to: its files and its commands, as a reader copies them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"\A# ([\w./-]+\.\w+)\n")
HEADING = re.compile(r"^## \d+\. (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class PageStep:
    """A numbered section: the files that it has, and its blocks of shell commands."""

    title: str
    files: Mapping[str, str]
    blocks: tuple[str, ...]

    def write(self, folder: Path) -> None:
        """Write its files into a folder."""
        for name, content in self.files.items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content, encoding="utf-8")


def page_steps(page: Path) -> list[PageStep]:
    """The numbered sections of a page. A block whose first line is `# NAME.EXT` is that file."""
    _, *parts = HEADING.split(page.read_text(encoding="utf-8"))
    steps = []
    for title, body in zip(parts[::2], parts[1::2], strict=True):
        blocks = FENCE.findall(body)
        files = {named[1]: code for _, code in blocks if (named := FILE.match(code))}
        commands = tuple(code for language, code in blocks if language == "bash")
        steps.append(PageStep(title, files, commands))
    return steps


def run_shell(script: str, folder: Path, variables: Mapping[str, str]) -> str:
    """What a script of bash prints, which stops at the first command that fails."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ended = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env=os.environ | {"PATH": path, "OMP_NUM_THREADS": "1"} | dict(variables),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, f"{script}\n{ended.stdout}\n{ended.stderr[-4000:]}"
    return ended.stdout
