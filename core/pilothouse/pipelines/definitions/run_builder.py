"""Runs a pipeline's Python file and writes what it builds as JSON.

    python run_builder.py FILE OUTPUT

It runs as a process of its own, so that the code of a file is in no process of Pilothouse.
"""

from __future__ import annotations

import json
import runpy
import sys

from pilothouse.pipelines.builder import Pipeline


def main() -> None:
    """Run the file and write the one pipeline among its variables."""
    file, output = sys.argv[1:3]
    variables = runpy.run_path(file)
    built = {id(value): value for value in variables.values() if isinstance(value, Pipeline)}
    if len(built) != 1:
        sys.exit(f"the file makes {len(built)} pipelines, and one is needed: pipeline = Pipeline()")
    with open(output, "w", encoding="utf-8") as target:
        json.dump(next(iter(built.values())).to_json(), target)


if __name__ == "__main__":
    main()
