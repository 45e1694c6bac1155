"""The inside of a deployment on a page: processes, revisions, log, recent predictions."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from pilothouse.deployments.prediction_log.log import PREDICTION_COLUMNS, output_column
from pilothouse.models.tasks import OutputColumn, task_of
from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.formats import DASH, duration, plural, title
from pilothouse_app.components.header import section
from pilothouse_app.components.links import go_next, screen
from pilothouse_app.components.log_view import log_view
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.table import (
    bar_column,
    button_column,
    name_column,
    number_column,
    status_column,
    table,
    text_column,
    when_column,
)
from pilothouse_app.components.table_height import table_height
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.personal_data.masked import log_notice, masked_log

if TYPE_CHECKING:
    from pilothouse.deployments.info import DeploymentInfo
    from pilothouse.deployments.masked_log import MaskedLog
    from pilothouse.models.signature import Signature

RECENT = 200
CHANGING = ("starting", "swapping", "restarting", "stopping")  # pages poll quickly meanwhile
MAX_OUTPUTS = 6  # before the inputs; the others stand behind them
PROCESSES = {
    "process": text_column("Process", width=150),
    "state": status_column("State", width=100),
    "pid": number_column("PID", 0, width=80),
    "restarts": number_column("Restarts", 0, width=76),
    "memory_mb": number_column("Memory (MB)", 0, width=96),
    "started_at": when_column("Started", width=110),
    "start": text_column("Ready after", width=96),
    "engine": text_column("Engine", width=130),
    "last_exit": text_column("Last exit"),
}
REVISIONS = {
    "seq": number_column("No.", 0, width=52),
    "what": text_column("Action", width=110),
    "version": name_column("Version", width=170),
    "at": when_column("When", relative=False, width=150),
    "by": text_column("By", width=110),
    "reason": text_column("Reason"),
}


def last_failure(name: str) -> None:
    """Show why the desired version crashed last, while it is not ready again."""
    failure = workspace().deployments.failure(name)
    if failure is None:
        return

    times = plural(failure.restarts, "time")
    draw, what = (
        (st.error, "keeps crashing right after its start")
        if failure.keeps_ending
        else (st.warning, "crashed and is being restarted")
    )
    text = f"Its process exited {times}, last with: {literal(failure.ended)}."
    if failure.error:
        text += f"\n\n```text\n{failure.error.replace('```', '` ` `')}\n```"
    draw(
        f"{text}\n\nThe full output is under Log. Roll back, swap the version, or stop the "
        "deployment.",
        title=f"Version {failure.version} {what}",
        icon=":material/error:",
    )


def processes(deployment: DeploymentInfo) -> None:
    """The model processes as the controller last saw them."""
    section("Processes", plural(deployment.replica_count, "desired", "desired"))
    rows = [
        {
            "id": f"{replica.version}-{replica.ordinal}",
            "process": f"Version {replica.version}, no. {replica.ordinal + 1}",
            "state": replica.state,
            "pid": replica.pid,
            "restarts": replica.restarts,
            "memory_mb": replica.memory_mb,
            "started_at": replica.started_at,
            "start": duration(replica.start_seconds),
            "engine": replica.engine.title if replica.engine else DASH,
            "last_exit": replica.last_exit or DASH,
        }
        for replica in deployment.replicas
    ]
    if not rows:
        st.markdown(":gray[No process is running. The worker starts and stops them.]")
        return

    table(pd.DataFrame(rows), PROCESSES, key="processes", alt="Model processes")
    sentences = {r.engine.sentence: f"Version {r.version}" for r in deployment.replicas if r.engine}
    for sentence, version in sentences.items():
        st.caption(f"{version}: {literal(sentence)}")


def revisions(deployment: DeploymentInfo) -> None:
    """Every revision of the desired state, newest first."""
    rows = [
        {
            "seq": revision.seq,
            "what": title(revision.action),
            "version": f"{revision.model} {revision.version}" if revision.model else "Described",
            "ref": f"{revision.model}@{revision.version}",
            "at": revision.at,
            "by": revision.by,
            "reason": revision.reason,
        }
        for revision in deployment.revisions
    ]
    with table_height("revisions", len(rows), reserve=18) as height:
        table(
            pd.DataFrame(rows), REVISIONS, key="revisions", alt="Revisions", ids="seq",
            opens=None if deployment.external and not deployment.model else ("version", "ref"),
            height=height,
        )  # fmt: skip


def log_tail(name: str) -> None:
    """The last lines that the processes wrote."""
    log_view(workspace().deployments.logs(name, 400), key="deployment_log", reserve=15)


@st.cache_data(ttl=3, max_entries=8, show_spinner=False)
def _predictions(folder: str, name: str, masked: tuple[str, ...], _log: MaskedLog) -> pd.DataFrame:
    """The newest rows of the log; read at most once in three seconds."""
    newest = _log.predictions(name, limit=RECENT)
    return newest.iloc[::-1].reset_index(drop=True)


def recent_predictions(deployment: DeploymentInfo) -> None:
    """The newest predictions with their inputs and outputs."""
    log = masked_log()
    masked = tuple(sorted(log.masking(deployment.name).kinds))
    newest = _predictions(str(workspace().folder), deployment.name, masked, _log=log)
    if newest.empty:
        how = "Send some, or add a file." if deployment.external else "Send one with Try it."
        empty("No predictions yet", how, key="no_predictions")
        return
    predictions_table(deployment, newest, title="Newest predictions")


def predictions_table(deployment: DeploymentInfo, newest: pd.DataFrame, *, title: str) -> None:
    """Logged predictions with their outputs and inputs, in the order they are given."""
    outputs = _output_columns(deployment.serving_signature)
    first = dict(list(outputs.items())[:MAX_OUTPUTS])
    rest = [str(c) for c in newest.columns if c not in (*PREDICTION_COLUMNS, *first)]
    columns = {
        "prediction_id": text_column("Prediction", width=150),
        **{name: look for name, look in first.items() if name in newest},
        "version": number_column("Version", 0, width=70),
        "event_at": when_column("Event", relative=False, width=150),
        "received_at": when_column("Received", width=110),
        "latency_ms": number_column("Latency (ms)", 1, width=92),
        **{name: outputs.get(name, st.column_config.Column(name)) for name in rest},
    }
    if deployment.model:
        newest = newest.assign(explain=":material/search_insights:")
        press = partial(_explain, deployment.name, newest)
        look = button_column("", press, help="Which columns move it, and what would change it")
        columns = {"prediction_id": columns.pop("prediction_id"), "explain": look, **columns}

    if deployment.external:
        newest = newest.drop(columns="latency_ms")  # not known of what is predicted elsewhere
        columns.pop("latency_ms")
    section(title, plural(len(newest), "row"))
    log_notice(deployment.name, deployment.serving_signature.names)
    with table_height("predictions", len(newest), reserve=19) as height:
        table(
            newest, columns, key="predictions", alt="Newest predictions", ids="prediction_id",
            height=height,
        )  # fmt: skip


def _explain(deployment: str, newest: pd.DataFrame, prediction_id: str) -> None:
    """Open a logged prediction in the what-if of the version that answered it."""
    row = newest[newest["prediction_id"] == prediction_id].iloc[0]
    go_next(
        screen(
            "responsible",
            ref=f"{row['model']}@{row['version']}",
            responsible_view=title("what_if"),
            responsible_row=title("logged_prediction"),
            responsible_deployment=deployment,
            responsible_prediction=prediction_id,
        )
    )


def _output_columns(signature: Signature) -> dict[str, Any]:
    """How the outputs of a model look in a table, by their column in the log."""
    return {
        output_column(output.name): _look(output)
        for output in task_of(signature).columns(signature)
    }


def _look(output: OutputColumn) -> Any:
    """A bar where the ends of the axis are fixed, else a number with its unit, or text."""
    title = f"{output.title} ({output.unit})" if output.unit else output.title
    if output.kind == "category":
        return text_column(title, width=130)
    if output.low is None or output.high is None:
        return number_column(title, width=130)
    return bar_column(title, output.low, output.high, width=130)
