"""A pipeline of TFX: a component made of a Python function a step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pilothouse.kit.parameters import Parameter
from pilothouse.pipelines.definitions.definition_info import PipelineInfo
from pilothouse.pipelines.definitions.exports import (
    KEY,
    defaults_last,
    exports,
    identifiers,
    python_signature,
)

HEAD = '''"""{ref} of Pilothouse as a pipeline of TFX, written by `pilothouse`.

Each step runs `pilothouse pipelines run-step`: the machine needs that command, the variable
PILOTHOUSE_WORKSPACE, and a running `pilothouse worker` on the workspace. Run this file to run the
pipeline here; {key} names a run whose steps that are done are not done again.
"""

import json
import os
import subprocess
import sys
import uuid

from tfx import v1 as tfx

ROOT = {root!r}


@tfx.dsl.components.component
def RunStep(
    step: tfx.dsl.components.Parameter[str],
    run: tfx.dsl.components.Parameter[str],
    parameters: tfx.dsl.components.Parameter[str],
):
    """Run a step to its end; the steps of one run share their outputs."""
    command = ["pilothouse", "pipelines", "run-step", {name!r}, step]
    command += ["--version", {version!r}, "--key", run, "--params-json", parameters]
    subprocess.run(command, check=True)

'''


@exports.register("tfx")
class TfxExport:
    """A file for the SDK of TFX."""

    title = "TFX"
    description = "A Python file of TFX; each step is a component that calls the command line."
    parameters = (
        Parameter("root", "text", "tfx-pipelines", help="Where TFX keeps what its runs made."),
    )

    @staticmethod
    def filename(pipeline: PipelineInfo) -> str:
        """A Python file."""
        return f"{pipeline.name.replace('-', '_').replace('.', '_')}_tfx.py"

    @staticmethod
    def write(pipeline: PipelineInfo, options: Mapping[str, Any]) -> str:
        """The component, the pipeline, and a local run when the file is run."""
        names, definition = identifiers(pipeline), pipeline.definition
        head = HEAD.format(
            ref=pipeline.ref,
            key=KEY,
            root=options["root"],
            name=pipeline.name,
            version=str(pipeline.version),
        )
        parameters = defaults_last(definition.parameters)
        takes = python_signature(parameters)
        values = ", ".join(f"{p.name!r}: {p.name}" for p in parameters)
        lines = [
            head,
            f"def pipeline({', '.join(['run_name: str', *takes])}) -> tfx.dsl.Pipeline:",
            f"    parameters = json.dumps({{{values}}})",
        ]
        for step in definition.steps:
            call = f"RunStep(step={step.name!r}, run=run_name, parameters=parameters)"
            lines.append(f"    {names[step.name]} = {call}.with_id({step.name!r})")
        lines += [
            f"    {names[after]}.add_upstream_node({names[before]})"
            for before, after in definition.edges
        ]
        lines += [
            "    return tfx.dsl.Pipeline(",
            f"        pipeline_name={pipeline.name!r},",
            f"        pipeline_root=os.path.join(ROOT, {pipeline.name!r}),",
            f"        components=[{', '.join(names[step.name] for step in definition.steps)}],",
            "        enable_cache=False,",
            "        metadata_connection_config=(",
            "            tfx.orchestration.metadata.sqlite_metadata_connection_config(",
            '                os.path.join(ROOT, "metadata.db")',
            "            )",
            "        ),",
            "    )",
            "",
            "",
            'if __name__ == "__main__":',
            f'    run_name = os.environ.get("{KEY}") or f"tfx-{{uuid.uuid4().hex}}"',
            "    given = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}",
            "    os.makedirs(ROOT, exist_ok=True)",
            "    tfx.orchestration.LocalDagRunner().run(pipeline(run_name, **given))",
        ]
        return "\n".join(lines) + "\n"
