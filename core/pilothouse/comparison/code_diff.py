"""What changed in the code between two runs: between their commits, and in what was uncommitted.

Git is asked only whether it has both commits, and for the difference; a repository's own programs
(pagers, text converters, file monitors) are not run.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import TYPE_CHECKING

from pilothouse.experiments.details import RunInfo
from pilothouse.kit.errors import PilothouseError
from pilothouse.storage import Store

if TYPE_CHECKING:
    import pandas as pd

PATCH = "code.patch"
COMMIT = re.compile(r"[0-9a-f]{7,64}")
TIMEOUT_SECONDS = 10
MAX_BYTES = 200_000
MAX_LINES = 2_000
CONTEXT = 3
COLUMNS = ("left_line", "left", "right_line", "right", "kind")


@dataclass(frozen=True, eq=False)
class CodeDiff:
    """The change from the baseline's code to a run's.

    `committed` is git's own text, empty when nothing changed or git cannot tell; `uncommitted` has
    the stored patches side by side, in rows of `COLUMNS` (kind: same, changed, left, right, gap).
    """

    message: str
    committed: str
    uncommitted: pd.DataFrame


def code_diff(store: Store, run: RunInfo, baseline: RunInfo, folders: Sequence[Path]) -> CodeDiff:
    """The change of code between two runs; `folders` are looked at for a repository, in order."""
    committed, commit_message = _commit_diff(run, baseline, folders)
    left, right = _patch(store, baseline), _patch(store, run)
    messages = [commit_message, _patch_message(run, baseline, left, right)]
    return CodeDiff(
        " ".join(filter(None, messages)), committed, side_by_side(left or "", right or "")
    )


def _commit_diff(run: RunInfo, baseline: RunInfo, folders: Sequence[Path]) -> tuple[str, str]:
    if not run.commit or not baseline.commit:
        return "", "One of the two has no recorded commit."
    if run.commit == baseline.commit:
        return "", f"Both ran at commit {run.commit[:12]}."
    message = f"From commit {baseline.commit[:12]} to {run.commit[:12]}."
    for folder in folders:
        text = git_diff(folder, baseline.commit, run.commit)
        if text is not None:
            short = len(text) < MAX_BYTES
            return text, message if short else f"{message} Shown: the first {MAX_BYTES // 1000} kB."
    return "", f"{message} No repository with both commits is at hand here."


def git_diff(folder: Path, before: str, after: str) -> str | None:
    """Git's difference between two commits, at most `MAX_BYTES`; None when git cannot tell."""
    if not COMMIT.fullmatch(before) or not COMMIT.fullmatch(after) or not folder.is_dir():
        return None

    options = ["--no-color", "--no-ext-diff", "--no-textconv", "--stat", "--patch", "-M"]
    calm = {"GIT_OPTIONAL_LOCKS": "0", "GIT_PAGER": "cat", "GIT_NO_LAZY_FETCH": "1"}
    command = ["git", "-c", "core.fsmonitor=false", "-C", str(folder), "diff", *options]

    try:
        answer = subprocess.run(
            [*command, before, after, "--"],
            capture_output=True,
            timeout=TIMEOUT_SECONDS,
            env=os.environ | calm,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None

    return answer.stdout[:MAX_BYTES].decode(errors="replace") if answer.returncode == 0 else None


def _patch(store: Store, run: RunInfo) -> str | None:
    """The uncommitted changes that a run kept."""
    digest = next((file.digest for file in run.artifacts if file.path == PATCH), None)
    if digest is None:
        return None
    try:
        return store.artifacts.read(digest).decode(errors="replace")
    except PilothouseError:
        return None


def _patch_message(run: RunInfo, baseline: RunInfo, left: str | None, right: str | None) -> str:
    sides = ((baseline, left), (run, right))
    lost = [run_info.name for run_info, patch in sides if run_info.dirty and not patch]
    if lost:
        return f"Uncommitted changes of {' and '.join(lost)} were not kept."
    if left == right:
        return "Both had the same uncommitted changes." if left else ""
    return "Their uncommitted changes differ."


def side_by_side(left: str, right: str) -> pd.DataFrame:
    """Two texts side by side: what differs, with `CONTEXT` lines around it."""
    import pandas as pd

    left_lines, right_lines = left.splitlines()[:MAX_LINES], right.splitlines()[:MAX_LINES]
    rows = list(_aligned_lines(left_lines, right_lines)) if left_lines != right_lines else []
    return pd.DataFrame(rows, columns=list(COLUMNS))


Row = tuple[int | None, str, int | None, str, str]


def _aligned_lines(left: Sequence[str], right: Sequence[str]) -> Iterator[Row]:
    groups = SequenceMatcher(None, left, right, autojunk=False).get_grouped_opcodes(CONTEXT)
    for number, group in enumerate(groups):
        if number:
            yield None, "", None, "", "gap"
        for tag, i1, i2, j1, j2 in group:
            kind = {"equal": "same", "replace": "changed", "delete": "left", "insert": "right"}[tag]
            for step in range(max(i2 - i1, j2 - j1)):
                i, j = i1 + step, j1 + step
                yield (
                    i + 1 if i < i2 else None,
                    left[i] if i < i2 else "",
                    j + 1 if j < j2 else None,
                    right[j] if j < j2 else "",
                    kind,
                )
