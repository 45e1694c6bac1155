"""Building an environment from its lock: in a folder of its own, which gets its name when whole."""

from __future__ import annotations

import errno
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from pilothouse.environments import folders
from pilothouse.environments.failure import EnvironmentFailure
from pilothouse.environments.folders import FolderSize
from pilothouse.environments.resolution import Resolution, wheel_arguments
from pilothouse.environments.uv import Uv
from pilothouse.storage import Store

OnProgress = Callable[[float, str], None]


def build(
    store: Store,
    uv: Uv,
    resolution: Resolution,
    interpreter: Path,
    on_progress: OnProgress,
    *,
    anew: bool = False,
) -> FolderSize:
    """Build an environment, unless it is there already; two builds of one hash wait for each other.

    With `anew` one that is there is replaced, once the new one is whole. Raises EnvironmentFailure;
    what was begun is then removed.
    """
    name = resolution.hash

    def waiting() -> None:
        on_progress(0.0, "waiting for another build of the same environment")

    with folders.locked(store, name, waiting):
        if folders.is_whole(store, name) and not anew:
            return folders.size_of(folders.folder_of(store, name))
        building = folders.new_building_folder(store, name)
        try:
            _install(store, uv, resolution, interpreter, building, on_progress)
            return folders.finish(store, resolution, building)
        except OSError as broken:
            if broken.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            message = "the disk of the workspace is full."
            raise EnvironmentFailure(message, kind="disk_full") from broken
        finally:
            shutil.rmtree(building, ignore_errors=True)


def _install(
    store: Store,
    uv: Uv,
    resolution: Resolution,
    interpreter: Path,
    building: Path,
    on_progress: OnProgress,
) -> None:
    """Make the environment and install its packages; never compiled, so that it stays small."""
    on_progress(0.0, "making the environment")
    uv.run(
        ["venv", "--relocatable", "--no-project", "--python", str(interpreter), str(building)],
        tick=lambda: on_progress(0.0, "making the environment"),
    )

    total = max(resolution.packages, 1)

    def tick() -> None:
        done = _installed(building)
        text = f"{done} of {total} packages" if done else f"downloading {total} packages"
        on_progress(0.05 + 0.9 * min(done / total, 1.0), text)

    with tempfile.TemporaryDirectory(prefix="pilothouse-build-") as folder:
        lock = Path(folder) / "lock.txt"
        lock.write_text(f"{resolution.lock}\n", encoding="utf-8")
        wheels = wheel_arguments(store.settings.environment_wheels)
        program = building / folders.PROGRAM
        arguments = ["pip", "sync", "--python", str(program), "--only-binary", ":all:", *wheels]
        uv.run([*arguments, str(lock)], tick=tick)
    on_progress(0.95, f"{total} packages")


def _installed(building: Path) -> int:
    return sum(1 for _ in building.glob("lib*/python*/site-packages/*.dist-info"))
