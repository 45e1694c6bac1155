"""Measure ours beside a reference, in one run: `run.py WORK [--json]`.

Each work is a file beside this one with a `measure()` that returns at least
`work, ours, reference, ratio, unit`; a ratio above 1 means that ours is better.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

WORKS = ("start", "predict", "drift", "ingest", "mlflow", "client", "single", "tracking_start")
WORKS += ("search", "histories", "table", "environments", "limits", "cbpe")
WORKS += ("domain", "hours", "trend", "history", "serving", "sleeping", "rollouts")
WORKS += ("event_files", "run_files", "peers")


def measure(work: str) -> dict[str, Any]:
    """What one work measured."""
    here = str(Path(__file__).parent)  # whose files are named after what they measure
    sys.path[:] = [folder for folder in sys.path if folder != here]
    sys.path.append(str(Path(here).parent))  # the test harness
    path = Path(__file__).with_name(f"{work}.py")
    spec = importlib.util.spec_from_file_location(f"bench_{work}", path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{path} is missing")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where a dataclass with annotations looks for its own module
    spec.loader.exec_module(module)
    result: dict[str, Any] = module.measure()
    return result


def main() -> None:
    """Print one work's figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", choices=WORKS)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    result = measure(options.work)
    if options.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name}: {value}")


if __name__ == "__main__":
    main()
