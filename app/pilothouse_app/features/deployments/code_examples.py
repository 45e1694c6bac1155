"""How a program predicts with ids and event times and sends labels later, in every protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from pilothouse.deployments.client_examples import AT_MS, ID, curl_command
from pilothouse.deployments.gateway.oip import DATATYPES
from pilothouse.models.tasks import task_of
from pilothouse_app.components.workspace import server_url, workspace

if TYPE_CHECKING:
    from pilothouse.deployments.info import DeploymentInfo
    from pilothouse.models.signature import Signature

INTRODUCTION = """
A prediction request may carry two optional fields. `prediction_ids` are your own ids, one per row:
a request that is sent twice counts once, and labels are joined by them; without them ids are
generated. `event_time` is when the event happened, in **milliseconds** since 1970, one for all rows
or one per row: it decides the monitoring window; without it the time of receipt is used.
"""


def examples(deployment: DeploymentInfo) -> None:
    """The commands, with this deployment's own columns."""
    st.markdown(INTRODUCTION)
    if workspace().deployments.needs_key(deployment.name):
        st.markdown(":material/lock: Add your API key: `-H 'Authorization: Bearer KEY'`.")
    titles = ("MLflow's form", "Open Inference Protocol", "CSV", "Labels", "Python")
    commands = example_commands(deployment, server_url())
    for tab, text in zip(st.tabs(list(titles)), commands, strict=True):
        with tab:
            st.code(text, language=None, wrap_lines=True)


def example_commands(deployment: DeploymentInfo, base: str) -> tuple[str, ...]:
    """What to type, in the order of the tabs."""
    name, signature = deployment.name, deployment.signature
    record = dict(deployment.input_example[0]) if deployment.input_example else {}
    record = {field: record.get(field) for field in signature.names}
    facts = {"event_time": AT_MS, "prediction_ids": [ID]}
    mlflow = {"dataframe_records": [record], "params": facts}
    inputs = [
        {"name": f.name, "shape": [1], "datatype": DATATYPES[f.type], "data": [record[f.name]]}
        for f in signature.inputs
    ]
    label = example_label(signature)
    labels = {"ids": [ID], "labels": [label], "at": [AT_MS]}
    invoke = f"{base}/deployments/{name}/invocations"

    return (
        curl_command(invoke, mlflow),
        curl_command(f"{base}/v2/models/{name}/infer", {"inputs": inputs, "parameters": facts}),
        "# CSV cannot carry event_time and prediction_ids: headers do.\n"
        f"{_curl_csv(invoke, record)}",
        f"# A label is {task_of(signature).label_hint(signature)}; if sent again, the last one "
        "counts.\n"
        f"{curl_command(f'{base}/deployments/{name}/labels', labels)}\n"
        '# {"accepted": 1, "unknown": 0}: unknown counts ids without a prediction',
        "import pilothouse\n\n"
        f"workspace = pilothouse.open_workspace({str(workspace().folder)!r})\n"
        f"workspace.deployments.label({name!r}, [{ID!r}], [{label!r}])\n"
        f'workspace.deployments.label_from_file({name!r}, "labels.csv")',
    )


def example_label(signature: Signature) -> Any:
    """A value that is a label of the model."""
    classes = [label for label in signature.classes if label == signature.positive]
    candidates = [*classes, *signature.classes, 1.0, *signature.output_names]
    task = task_of(signature)
    return next((c for c in candidates if task.read_label(signature, c) is not None), None)


def _curl_csv(url: str, record: dict[str, Any]) -> str:
    cells = ["" if value is None else str(value) for value in record.values()]
    quoted = [f'"{cell}"' if "," in cell else cell for cell in cells]
    lines = "\n".join((",".join(record), ",".join(quoted))).replace("'", "'\\''")
    return (
        f"curl -s {url} \\\n  -H 'Content-Type: text/csv' \\\n"
        f"  -H 'x-event-time: {AT_MS}' -H 'x-prediction-ids: {ID}' \\\n"
        f"  --data-binary '{lines}'"
    )
