"""Room on the disk that the workspace lies on, and whether it can be written."""

from __future__ import annotations

import os
import shutil

from pilothouse.storage import Store
from pilothouse.workspace.checks import CheckVerdict, checks, verdict_of

MIN_FREE_BYTES = 200 << 20
MIN_FREE_SHARE = 0.01
MIN_FREE_FILES = 1_000


@checks.register("space")
def space(store: Store) -> CheckVerdict:
    """There is room for what comes, and the folder may be written."""
    usage = shutil.disk_usage(store.folder)
    problems = []
    if usage.free < max(MIN_FREE_BYTES, min(MIN_FREE_SHARE * usage.total, 10 * MIN_FREE_BYTES)):
        problems.append(f"only {usage.free / 1e6:.0f} MB are free: make room before it is full")
    files = os.statvfs(store.folder)
    if files.f_files and files.f_favail < MIN_FREE_FILES:
        problems.append(f"only {files.f_favail} more files can be made")
    if not os.access(store.folder, os.W_OK | os.X_OK) or files.f_flag & os.ST_RDONLY:
        problems.append("the folder cannot be written")
    share = 100 * usage.free / max(usage.total, 1)
    return verdict_of(f"{usage.free / 1e9:.1f} GB free, {share:.0f} %", problems, free=usage.free)
