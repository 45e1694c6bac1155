"""Proof of damaged files: with its own library, each format ends in a reason before its deadline.

    python tests/proofs/damaged.py [FOLDER [NAME ...]]

Damages the models that `prove.py` has saved, in their environments: run that one before.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from prove import all_names, environment

from harness.model_files import launch_of, package_of
from pilothouse.deployments.controller.trial import inspect_launch
from pilothouse.deployments.version_environments import needed_modules
from pilothouse.environments.requirement_lines import needed, read_requirements
from pilothouse.kit.errors import PilothouseError
from pilothouse.models.audit import OWN_CODE
from pilothouse.models.formats import format_of
from pilothouse.models.signature import UNKNOWN

DEADLINE_S, MARGIN_S = 90.0, 20.0
# Files that say how a model is loaded; the model itself is in the largest of the others.
ABOUT = ("MLmodel", "conda.yaml", "python_env.yaml", "requirements.txt")
DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "cut off": lambda data: data[: len(data) // 2],
    "overwritten": lambda data: data[:16] + bytes(range(256)) * (len(data) // 256 + 1),
}


def main(folder: Path, names: list[str]) -> int:
    """Damage one model of each format, or the named ones; the number that end in no reason."""
    bad = 0
    for name in names or one_a_format(folder):
        for damage in DAMAGES:
            verdict = verdict_of(folder, name, damage)
            bad += verdict.startswith("NO REASON")
            sys.stdout.write(f"{name:28} {damage:12} {verdict}\n")
            sys.stdout.flush()
    return bad


def one_a_format(folder: Path) -> list[str]:
    """The first saved model of each format and ending of its file."""
    names: dict[tuple[str, str], str] = {}
    for name in all_names():
        saved = folder / "models" / name / "model"
        key = (package_of(saved).format, model_file(saved).suffix)
        names.setdefault(key, name)
    return list(names.values())


def model_file(saved: Path) -> Path:
    """The largest file that is not about the model."""
    files = [
        path
        for path in saved.rglob("*")
        if path.is_file() and path.name not in ABOUT and "example" not in path.name
    ]
    return max(files, key=lambda path: path.stat().st_size)


def verdict_of(folder: Path, name: str, damage: str) -> str:
    """What becomes of a model whose file was damaged before it was registered, and how soon."""
    saved = folder / "models" / name / "model"
    python = _python(folder, saved)
    with tempfile.TemporaryDirectory(prefix="damaged-") as scratch:
        copy = Path(scratch) / "model"
        shutil.copytree(saved, copy)
        file = model_file(copy)
        file.write_bytes(DAMAGES[damage](file.read_bytes()))
        began = time.monotonic()
        reason = _reason(copy, python)
        seconds = time.monotonic() - began
    is_reason = bool(reason) and seconds < DEADLINE_S + MARGIN_S
    return f"{'refused' if is_reason else 'NO REASON'} in {seconds:.1f} s: {reason[:150]}"


def _reason(saved: Path, python: str) -> str:
    """Why the model is refused: by the reading of its file, or by the process that loads it."""
    try:
        package = package_of(saved)
        audit = format_of(package).audit(saved, package)
        launch = launch_of(
            saved,
            replace(UNKNOWN, inputs=()),
            approved=audit.badge == OWN_CODE,
            python=python,
            deadline_seconds=DEADLINE_S,
        )
        inspect_launch(launch)
    except PilothouseError as refused:
        return refused.message
    return ""


def _python(folder: Path, saved: Path) -> str:
    """The environment that `prove.py` has built for a model, which is that of the whole file."""
    package = package_of(saved)
    kind = format_of(package)
    modules = needed_modules(package, kind.audit(saved, package).imports)
    required = needed(read_requirements(kind.requirements(package)), modules)
    return str(environment(folder, required.lines))


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ["PROOFS"]).resolve()
    sys.exit(main(folder, sys.argv[2:]))
