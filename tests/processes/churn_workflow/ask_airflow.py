"""What Airflow reads in a DAG file, and what each of its tasks would run."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from airflow.dag_processing.dagbag import DagBag

bag = DagBag(str(Path(sys.argv[1]).parent))
assert not bag.import_errors, bag.import_errors
(dag,) = bag.dags.values()
params = dag.params.dump()


def drawn(task: object, template: str) -> str:
    """A template with the values of a run."""
    rendered: str = (
        task.get_template_env(dag)
        .from_string(template)
        .render(run_id="scheduled__weekly", params=params, ds="2026-03-02")
    )
    return rendered


sys.stdout.write(
    json.dumps(
        {
            "tasks": {
                task.task_id: {
                    "bash": drawn(task, task.bash_command),
                    "env": {name: drawn(task, value) for name, value in task.env.items()},
                }
                for task in dag.tasks
            },
            "edges": [
                [task.task_id, after] for task in dag.tasks for after in task.downstream_task_ids
            ],
            "order": [task.task_id for task in dag.topological_sort()],
            "schedule": str(dag.schedule),
        }
    )
)
