"""Journals: what was answered and is not yet in the prediction log."""

from __future__ import annotations

from pathlib import Path

from pilothouse.deployments.prediction_log import journal, segment_rows
from pilothouse.storage import Store
from pilothouse.workspace.checks import CheckVerdict, checks, verdict_of


@checks.register("journals")
def journals(store: Store) -> CheckVerdict:
    """Every line of every journal can be read, and nothing else lies there."""
    root = store.folder / "journal"
    if not root.exists():
        return CheckVerdict(True, "none yet")
    if not root.is_dir():
        return CheckVerdict(False, f"{root} is not a folder")

    problems: list[str] = []
    count = 0

    for folder in sorted(root.iterdir()):
        if folder.name.startswith("."):
            continue  # the newest stamp of a journal that compaction has emptied
        if not folder.is_dir():
            problems.append(f"journal/{folder.name} is not a journal")
            continue
        problems += [
            f"{_name(path)} is not a segment of a journal"
            for path in journal.unrecognised_files(folder)
        ]
        for path in journal.paths(folder):
            count += 1
            problems += _problems(path)

    return verdict_of(f"{count} segments", problems)


def _problems(path: Path) -> list[str]:
    """What is wrong with a segment; one that is compacted meanwhile has nothing wrong."""
    try:
        damaged = segment_rows.check_lines(journal.read(path)).damaged
    except FileNotFoundError:
        return []
    except OSError as refused:
        return [f"{_name(path)} cannot be read: {refused.strerror}"]
    return [f"line {item.number} of {_name(path)}: {item.reason}" for item in damaged]


def _name(path: Path) -> str:
    return "/".join(path.parts[-3:])
