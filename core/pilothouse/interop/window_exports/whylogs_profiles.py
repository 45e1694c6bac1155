"""Profiles of whylogs, which its library makes in a child process: its sketches need the rows.

python -m pilothouse.interop.window_exports.whylogs_profiles ROWS.parquet TIME PROFILE.bin
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from pilothouse.kit.errors import Unavailable

if TYPE_CHECKING:
    import pandas as pd

PACKAGE, EXTRA = "whylogs", "pilothouse[whylogs]"
SECONDS = 600


def require_whylogs() -> None:
    """Raise Unavailable, naming the extra, where the library is not installed."""
    if find_spec(PACKAGE) is None:
        raise Unavailable(
            f"profiles of whylogs need the package {PACKAGE}, which is not installed here.",
            hint=f'Install it with `pip install "{EXTRA}"`.',
        )


def profile_of(frame: pd.DataFrame, at: datetime) -> bytes:
    """The profile of a frame's columns, dated `at`. Raises Unavailable when it cannot be made."""
    require_whylogs()
    with tempfile.TemporaryDirectory(prefix="whylogs-") as scratch:
        rows, profile = Path(scratch) / "rows.parquet", Path(scratch) / "profile.bin"
        frame.to_parquet(rows, index=False)
        command = [sys.executable, "-m", __name__, str(rows), at.isoformat(), str(profile)]
        # What can be imported here can be imported there, and the library reports nothing of it.
        variables = {"PYTHONPATH": os.pathsep.join(sys.path), "WHYLOGS_NO_ANALYTICS": "True"}
        try:
            subprocess.run(
                command,
                env=os.environ | variables,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=True,
                timeout=SECONDS,
            )
        except subprocess.CalledProcessError as failed:
            last = failed.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no reason"]
            raise Unavailable(f"whylogs made no profile: {last[0]}") from failed
        except subprocess.TimeoutExpired as slow:
            raise Unavailable(f"whylogs made no profile in {SECONDS} s.") from slow
        return profile.read_bytes()


def write_profile(rows: Path, at: datetime, target: Path) -> None:
    """Read rows and write their profile; in the child process."""
    import pandas as pd
    import whylogs

    frame = pd.read_parquet(rows)
    # The library asks NumPy for a type that version 2 has no more, for every other kind of column.
    for name in frame:
        column = frame[name]
        if not pd.api.types.is_float_dtype(column) and not pd.api.types.is_integer_dtype(column):
            values = [None if missing else str(value)
                      for value, missing in zip(column, column.isna(), strict=True)]  # fmt: skip
            frame[name] = pd.Series(values, dtype=object)
    result = whylogs.log(pandas=frame, dataset_timestamp=at)
    result.view().write(str(target))


if __name__ == "__main__":
    write_profile(Path(sys.argv[1]), datetime.fromisoformat(sys.argv[2]), Path(sys.argv[3]))
