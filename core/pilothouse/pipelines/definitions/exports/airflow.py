"""A DAG of Airflow: a BashOperator a step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pilothouse.kit.parameters import Parameter
from pilothouse.pipelines.definitions.definition import TODAY, PipelineParameter
from pilothouse.pipelines.definitions.definition_info import PipelineInfo
from pilothouse.pipelines.definitions.exports import (
    KEY,
    PARAMETERS,
    command_of,
    exports,
    identifiers,
)

JSON_TYPES = {"integer": "integer", "number": "number", "boolean": "boolean"}


@exports.register("airflow")
class AirflowExport:
    """A file for the folder of DAGs, for Airflow 2.4 and newer."""

    title = "Airflow"
    description = "A DAG with a BashOperator for each step; the workers need the command line."
    parameters = (
        Parameter("schedule", "text", "", help="A cron expression; empty: by hand only."),
    )

    @staticmethod
    def filename(pipeline: PipelineInfo) -> str:
        """A Python file."""
        return f"{pipeline.name}_dag.py"

    @staticmethod
    def write(pipeline: PipelineInfo, options: Mapping[str, Any]) -> str:
        """The DAG; a date whose default is today is the logical date of the run."""
        names = identifiers(pipeline)
        definition = pipeline.definition
        lines = [
            f'"""{pipeline.ref} of Pilothouse as a DAG of Airflow, written by `pilothouse`.',
            "",
            "Each task runs `pilothouse pipelines run-step`: the workers need that command, the",
            "variable PILOTHOUSE_WORKSPACE, and a running `pilothouse worker` on the workspace.",
            '"""',
            "",
            "import datetime",
            "",
            "try:",
            "    from airflow.sdk import DAG, Param",
            "except ImportError:  # Airflow 2",
            "    from airflow import DAG",
            "    from airflow.models.param import Param",
            "try:",
            "    from airflow.providers.standard.operators.bash import BashOperator",
            "except ImportError:  # Airflow 2",
            "    from airflow.operators.bash import BashOperator",
            "",
            "ENVIRONMENT = {",
            f'    "{KEY}": "{{{{ run_id }}}}",',
            f'    "{PARAMETERS}": "{_parameters_template(definition.parameters)}",',
            "}",
            "",
            "with DAG(",
            f"    {pipeline.name!r},",
            f"    description={definition.description!r},",
            "    start_date=datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc),",
            f"    schedule={options['schedule'] or None!r},",
            "    catchup=False,",
            "    params={",
            *(f"        {p.name!r}: {_param(p)}," for p in definition.parameters),
            "    },",
            "):",
        ]
        for step in definition.steps:
            lines += [
                f"    {names[step.name]} = BashOperator(",
                f"        task_id={step.name!r},",
                f"        bash_command={command_of(pipeline, step.name)!r},",
                "        env=ENVIRONMENT,",
                "        append_env=True,",
                "    )",
            ]
        lines += [f"    {names[a]} >> {names[b]}" for a, b in definition.edges]
        return "\n".join(lines) + "\n"


def _param(parameter: PipelineParameter) -> str:
    schema: dict[str, Any] = {"type": JSON_TYPES.get(parameter.type, "string")}
    if parameter.choices:
        schema = {"enum": list(parameter.choices)}
    is_today = parameter.type == "date" and parameter.default == TODAY
    if parameter.default is None:
        return f"Param(**{schema!r})"
    return f"Param({'' if is_today else parameter.default!r}, **{schema!r})"


def _parameters_template(parameters: tuple[PipelineParameter, ...]) -> str:
    """The parameters as JSON; an empty date becomes the logical date of the run."""
    today = [p.name for p in parameters if p.type == "date" and p.default == TODAY]
    dates = ", ".join(f"'{name}': params.{name} or ds" for name in today)
    return f"{{{{ dict(params, **{{{dates}}}) | tojson }}}}" if today else "{{ params | tojson }}"
