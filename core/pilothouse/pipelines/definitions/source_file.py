"""A pipeline's file, YAML or Python, as a definition."""

from __future__ import annotations

import json
import shlex
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from pilothouse.kit.errors import Invalid
from pilothouse.kit.yaml_file import MAX_BYTES, Document, read_yaml
from pilothouse.pipelines.definitions import run_builder
from pilothouse.pipelines.definitions.definition import Definition
from pilothouse.pipelines.definitions.validation import definition_of
from pilothouse.pipelines.recipes.code_process import CodeOutput, code_variables, run_command

SUFFIXES = (".yaml", ".yml", ".py")
BUILD_SECONDS = 60.0


def read_source(text: str, filename: str) -> Definition:
    """The definition in a file; a Python file is run in a process of its own. Raises Invalid."""
    suffix = Path(filename).suffix.lower()
    if suffix not in SUFFIXES:
        raise Invalid(
            f"{filename!r} is not a pipeline's file.",
            hint=f"It ends with {', '.join(SUFFIXES)}.",
            fields={"filename": "YAML or Python"},
        )
    return definition_of(_build(text) if suffix == ".py" else read_yaml(text))


def _build(text: str) -> Document:
    if len(text.encode()) > MAX_BYTES:
        raise Invalid(f"the file has more than {MAX_BYTES // 1000} kB.")
    with TemporaryDirectory(prefix="pipeline-") as scratch:
        folder = Path(scratch)
        file, output = folder / "pipeline.py", folder / "pipeline.json"
        file.write_text(text, encoding="utf-8")
        arguments = (str(run_builder.__file__), str(file), str(output))
        command = f"python {shlex.join(arguments)}"
        end = time.monotonic() + BUILD_SECONDS

        def tick(_: CodeOutput) -> None:
            if time.monotonic() > end:
                raise Invalid(
                    f"the file did not build its pipeline within {BUILD_SECONDS:g} s.",
                    hint="It describes the steps; the work belongs into them.",
                )

        variables = code_variables(Path(sys.executable), folder / "bin")
        code, written = run_command(command, folder, variables, tick)
        if code or not output.exists():
            raise Invalid(
                f"the file does not build a pipeline: {written.last_line}",
                hint="Its last lines:\n" + "\n".join(written.lines),
            )
        if output.stat().st_size > MAX_BYTES:
            raise Invalid(f"what the file builds has more than {MAX_BYTES // 1000} kB.")
        return Document(json.loads(output.read_text(encoding="utf-8")))
