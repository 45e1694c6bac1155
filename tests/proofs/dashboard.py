"""Proof of the Grafana dashboard: Grafana's own models of a dashboard read all of it.

    python tests/proofs/dashboard.py [FOLDER]

Builds an environment with Grafana's Foundation SDK, whose types are generated from Grafana's
schemas, reads the exported file into them and writes it again. `make proof` runs it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from prove import environment, plain_variables

from pilothouse.workspace import open_workspace

PACKAGES = ("grafana-foundation-sdk>=1769699998!10.1.0",)
# Prints what is lost or changed on the way through the models. `definition` is what the editor of
# a variable shows of its query, and is in no schema.
CHECK = """
import json, sys
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard
register_default_plugins()
before = json.load(open(sys.argv[1]))
after = json.loads(json.dumps(Dashboard.from_json(before), cls=JSONEncoder))

def compare(path, old, new):
    if isinstance(old, dict):
        for key in old.keys() - {"definition"}:
            compare(f"{path}/{key}", old[key], new.get(key, "absent"))
    elif isinstance(old, list):
        assert len(old) == len(new), path
        for number, pair in enumerate(zip(old, new)):
            compare(f"{path}/{number}", *pair)
    else:
        assert old == new, f"{path}: {old!r} is read as {new!r}"

compare("", before, after)
print(len(after["panels"]))
"""


def main(folder: Path) -> int:
    """1 when Grafana's models read the dashboard otherwise, else 0."""
    python = environment(folder, PACKAGES)
    with tempfile.TemporaryDirectory(prefix="dashboard-") as scratch:
        workspace = open_workspace(Path(scratch) / "workspace")
        file = Path(scratch) / "dashboard.json"
        file.write_text(workspace.monitoring.grafana_dashboard(), encoding="utf-8")
        workspace.store.engine.dispose()
        ended = subprocess.run(
            [python, "-c", CHECK, str(file)],
            env=plain_variables(), capture_output=True, text=True, check=False,
        )  # fmt: skip
    message = ended.stderr[-2000:] or f"the same {ended.stdout.strip()} panels\n"
    sys.stdout.write(f"grafana          {message}")
    return int(bool(ended.returncode))


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ["PROOFS"]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    sys.exit(main(folder))
