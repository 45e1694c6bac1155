"""Proof of files of CI systems: the schema of each accepts its file, and no misspelling of it.

    python tests/proofs/ci_files.py [FOLDER]

The schemas are those that check-jsonschema brings. Jenkins has none: its file is no proof of this.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from prove import environment, plain_variables
from sqlalchemy import update

from harness.live_windows import promoted
from pilothouse.kit.settings import Settings
from pilothouse.registry.tables import ModelVersion
from pilothouse.workspace import open_workspace

PACKAGES = ("check-jsonschema>=0.35",)
# The schema of each system, and a word of its file with what is no word there.
SCHEMAS = {
    "github-actions": ("vendor.github-workflows", "runs-on:", "run-on:"),
    "gitlab-ci": ("vendor.gitlab-ci", "script:", "skript:"),
    "circleci": ("vendor.circle-ci", "steps:", "stepps:"),
}
ROW = {"text": "it's ${{ secrets.KEY }} << pipeline.id >> \\ $HOME", "n": 1}


def main(folder: Path) -> int:
    """Prove each; the number of those that are not as they should be."""
    python, bad = environment(folder, PACKAGES), 0
    with tempfile.TemporaryDirectory(prefix="ci-files-") as scratch:
        workspace = open_workspace(settings=Settings(workspace=Path(scratch) / "workspace"))
        promoted(workspace.store)
        with workspace.store.write() as session:
            session.execute(update(ModelVersion).values(input_example=[ROW]))
        for program, (schema, word, misspelt) in SCHEMAS.items():
            text = workspace.governance.release_file("shop", 2, program, runner="linux").text
            accepted = accepts(python, schema, Path(scratch), text)
            refused = not accepts(python, schema, Path(scratch), text.replace(word, misspelt))
            bad += not (accepted and refused)
            state = f"accepted: {accepted}; with `{misspelt}` refused: {refused}"
            sys.stdout.write(f"{program:16} {state}\n")
            sys.stdout.flush()
        workspace.store.engine.dispose()
    return bad


def accepts(python: Path, schema: str, folder: Path, text: str) -> bool:
    """Whether the schema accepts a file."""
    file = folder / "file.yml"
    file.write_text(text, encoding="utf-8")
    command = [str(python), "-m", "check_jsonschema", "--builtin-schema", schema, str(file)]
    done = subprocess.run(command, env=plain_variables(), capture_output=True, check=False)
    return done.returncode == 0


if __name__ == "__main__":
    proofs = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ["PROOFS"]).resolve()
    proofs.mkdir(parents=True, exist_ok=True)
    sys.exit(main(proofs))
