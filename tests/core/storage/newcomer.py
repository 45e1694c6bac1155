"""A program for tests: opens a workspace at an agreed instant and writes into it.

`python newcomer.py FOLDER INSTANT NAME COUNT`
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from pilothouse.activity import record
from pilothouse.workspace import open_workspace

folder, instant, name, count = sys.argv[1:]
while time.time() < float(instant):
    time.sleep(0.001)
workspace = open_workspace(Path(folder), actor=name)
for number in range(int(count)):
    with workspace.store.write() as session:
        record(session, workspace.store, "visited", "job", f"{name}-{number}")
