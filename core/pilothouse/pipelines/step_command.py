"""The command of a step: where it runs, what it is told, and how it gives outputs."""

from __future__ import annotations

import json
import logging
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pilothouse.jobs import Progress
from pilothouse.kit import processes
from pilothouse.kit.errors import Invalid
from pilothouse.pipelines.recipes.code_process import CodeOutput, code_variables, run_command
from pilothouse.storage import Store

FOLDER = "pipelines"  # of the workspace: commands that run now
MAX_OUTPUT_BYTES = 64_000
log = logging.getLogger(__name__)


def run_step_command(
    store: Store,
    progress: Progress,
    *,
    command: str,
    env: Mapping[str, Any],
    outputs: Sequence[str],
    step_id: str,
) -> dict[str, Any]:
    """Run a shell command in an empty folder; its declared outputs and its last line.

    Raises Invalid with its last lines when it fails, or does not write what it declares.
    """
    folder = store.folder / FOLDER / step_id
    shutil.rmtree(folder, ignore_errors=True)
    work, file = folder / "work", folder / "outputs.json"
    work.mkdir(parents=True)
    try:
        ran = _run(store, progress, command, env, work, file)
        return {**_read_outputs(file, outputs), "output": ran.last_line}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(
    store: Store,
    progress: Progress,
    command: str,
    env: Mapping[str, Any],
    work: Path,
    file: Path,
) -> CodeOutput:
    values = {name: _as_text(value) for name, value in env.items()}
    variables = {
        **values,
        **code_variables(Path(sys.executable), work.parent / "bin"),
        **_server(store),
        "STEP_OUTPUTS": str(file),
    }

    def tick(now: CodeOutput) -> None:
        progress(now.share, now.last_line[:200])
        progress.check()

    exit_code, output = run_command(command, work, variables, tick)
    if exit_code:
        raise Invalid(
            f"the command ended with exit code {exit_code}: {output.last_line}",
            hint="Its last lines:\n" + "\n".join(output.lines),
        )
    return output


def _server(store: Store) -> dict[str, str]:
    """Where MLflow clients in the command send what they log, while a server runs."""
    server = processes.find(store.run_folder, "server")
    return {"MLFLOW_TRACKING_URI": server.url} if server else {}


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _read_outputs(file: Path, names: Sequence[str]) -> dict[str, Any]:
    if not names:
        return {}
    hint = "Write a JSON object with them to the file that $STEP_OUTPUTS names."
    if not file.is_file():
        raise Invalid(f"the command has not written its outputs {', '.join(names)}.", hint=hint)
    if file.stat().st_size > MAX_OUTPUT_BYTES:
        raise Invalid(
            f"the outputs of the command have more than {MAX_OUTPUT_BYTES // 1000} kB.",
            hint="Outputs are names and numbers: register data as a dataset and give its name.",
        )
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        raise Invalid("the outputs of the command are not JSON.", hint=hint) from None
    missing = [name for name in names if not isinstance(values, dict) or name not in values]
    if missing:
        raise Invalid(f"the command has not written {', '.join(missing)}.", hint=hint)
    return {name: values[name] for name in names}
