"""The prediction log: every Parquet file of it, and parts that were set aside."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pilothouse.deployments.prediction_log import damage, log
from pilothouse.storage import Store
from pilothouse.workspace.checks import CheckVerdict, checks, verdict_of


@checks.register("prediction_log")
def prediction_log(store: Store) -> CheckVerdict:
    """Every file of predictions, labels and requests can be read, and nothing else lies there."""
    problems: list[str] = []
    count = 0

    for tree in log.TREES:
        for folder in _folders(store.folder / tree):
            if not folder.is_dir():
                problems.append(f"{_name(store, folder)} is not a log of a deployment")
                continue
            for day in sorted(folder.iterdir()):
                if log.day_of(day) is None:
                    problems.append(f"{_name(store, day)} is not a day of the log")
                    continue
                count += 1
                problems += _day(store, tree, day)

    return verdict_of(f"{count} days", problems)


@checks.register("set_aside")
def set_aside(store: Store) -> CheckVerdict:
    """No damaged part was set aside; those that were are named until somebody moves them."""
    parts = damage.listing(store.folder)
    lines = sum(part.lines for part in parts)
    problems = [f"{part.path}: {_count(part)}{part.reason}" for part in parts]
    return verdict_of(f"{len(parts)} parts with {lines} lines in {damage.FOLDER}/", problems)


def _count(part: damage.SetAside) -> str:
    return f"{part.lines} lines, " if part.lines else ""


def _folders(root: Path) -> list[Path]:
    return sorted(root.iterdir()) if root.is_dir() else []


def _day(store: Store, tree: str, day: Path) -> Iterator[str]:
    for path in sorted(day.iterdir()):
        if path.suffix == ".part":
            continue  # of a compaction that runs, or was killed and will run again
        if path.suffix != ".parquet" or path.is_dir():
            yield f"{_name(store, path)} is not a file of the log"
            continue
        try:
            log.checked_parquet(path, tree)
        except FileNotFoundError:
            continue  # merged meanwhile
        except log.DamagedFile as damaged:
            yield str(damaged).replace(str(path), _name(store, path))


def _name(store: Store, path: Path) -> str:
    return str(path.relative_to(store.folder))
