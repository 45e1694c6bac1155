"""The API of deployments, for screens, commands and notebooks."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sqlmodel import col, select

from pilothouse.activity import record
from pilothouse.deployments import (
    client,
    commands,
    external,
    label_file,
    label_report,
    readiness,
    stage_rules,
    version_environments,
)
from pilothouse.deployments.access.access_api import AccessCommands
from pilothouse.deployments.controller.model_processes import ReplicaPaths
from pilothouse.deployments.desired_state.desired_api import DesiredStateCommands
from pilothouse.deployments.failure import Failure, failing, failure_of, readable
from pilothouse.deployments.feature_rule_api import FeatureRuleCommands
from pilothouse.deployments.gateway.external_columns import PredictionColumns, guess_columns
from pilothouse.deployments.gateway.external_rows import (
    PredictionReport,
    append_rows,
    only_new,
    report,
    require_some,
)
from pilothouse.deployments.gateway.labels import Labels, check_labels, write_labels
from pilothouse.deployments.info import ASLEEP, DeploymentInfo, deployment_info, describe_status
from pilothouse.deployments.log_rules.erasure_api import ErasureCommands
from pilothouse.deployments.log_rules.log_api import LogCommands
from pilothouse.deployments.log_rules.logged_column_rules import logged_columns
from pilothouse.deployments.masked_log import MaskedLog, MaskedLogCommands, masking_of_log
from pilothouse.deployments.prediction_log import log
from pilothouse.deployments.prediction_log.id_index import unknown_ids
from pilothouse.deployments.prediction_log.journal import Journal
from pilothouse.deployments.prediction_log.room import room_problem
from pilothouse.deployments.prediction_log.traffic import traffic_frame
from pilothouse.deployments.readiness import ReadinessStep
from pilothouse.deployments.replay.replay_api import ReplayCommands
from pilothouse.deployments.request_log import RequestLogCommands
from pilothouse.deployments.rollouts import rollout_commands
from pilothouse.deployments.rollouts.rollout_api import RolloutCommands
from pilothouse.deployments.servable_versions import prepare_to_serve
from pilothouse.deployments.tables import Deployment, Replica
from pilothouse.environments import EnvironmentInfo, Environments
from pilothouse.kit.clock import to_ms
from pilothouse.kit.errors import Conflict, Invalid, Refused, Unavailable
from pilothouse.models.signature import Signature
from pilothouse.registry import versions
from pilothouse.registry.description import Description
from pilothouse.registry.info import VersionInfo

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "name",
    "model",
    "version",
    "serving_version",
    "previous_version",
    "desired_state",
    "status",
    "message",
    "ready",
    "replicas",
    "restarts",
    "memory_mb",
    "external",
    "created_at",
    "updated_at",
    "stage",
)
POLL_SECONDS = 0.1


class Deployments(
    AccessCommands,
    DesiredStateCommands,
    FeatureRuleCommands,
    RolloutCommands,
    ReplayCommands,
    RequestLogCommands,
    LogCommands,
    ErasureCommands,
    MaskedLogCommands,
):
    """Deployments, their rollouts, predictions, labels, logs, traffic, API keys and limits."""

    def launch(
        self,
        name: str,
        model: str,
        version: int,
        reason: str = "",
        *,
        replicas: int = 1,
        stage: str = "",
    ) -> DeploymentInfo:
        """Serve a model version under a new name, and at the address of a `stage`, see `set_stage`.

        Raises NotFound without the version, Conflict when the name or the stage is taken, Refused
        when it is archived, not described, does not stand in the stage, or may not be loaded.
        """
        prepare_to_serve(self._store, model, version)
        with self._store.write() as session:
            model_version = commands.require_servable(session, self._store, model, version)
            commands.launch(session, self._store, name, model_version, reason, replicas)
            if stage:
                stage_rules.enter_stage(session, self._store, name, stage, model_version, reason)
        return self.deployment(name)

    def add_external(
        self,
        name: str,
        model: str = "",
        version: int = 0,
        *,
        description: Description | None = None,
        reason: str = "",
    ) -> DeploymentInfo:
        """Monitor predictions that are made elsewhere: by a registered version, or as described.

        Raises NotFound without the version, Conflict when the name is taken, Invalid when it is not
        said what is predicted.
        """
        if not model and description is None:
            raise Invalid("what is predicted?", hint="Name a version, or describe its answers.")
        with self._store.write() as session:
            if model:
                registered = commands.require_sendable(session, model, version)
                signature = registered.signature
                external.add(session, self._store, name, registered, signature, reason)
            elif description is not None:
                signature = external.signature_of(description)
                external.add(session, self._store, name, None, signature, reason)
        return self.deployment(name)

    def preview_predictions(
        self, source: str | Path | bytes | pd.DataFrame, filename: str = ""
    ) -> external.FilePreview:
        """The columns and first rows of a file of predictions, to describe a model by."""
        return external.preview(source, filename or _filename(source))

    def prediction_columns(
        self, name: str, source: str | Path | bytes | pd.DataFrame, filename: str = ""
    ) -> tuple[list[str], PredictionColumns]:
        """The columns of a file of predictions, and which of them seem to hold what."""
        names = external.column_names(source, filename or _filename(source))
        return names, guess_columns(names, self.signature(name))

    def record_predictions(
        self,
        name: str,
        source: str | Path | bytes | pd.DataFrame,
        filename: str = "",
        columns: PredictionColumns | None = None,
        reason: str = "",
    ) -> PredictionReport:
        """Log predictions that were made elsewhere, from a frame or a file, with labels if any.

        CSV, Parquet, JSON and JSON lines are read. An id that was logged before is not logged
        again; rows that cannot be used are left out and reported. Raises Conflict for a deployment
        that is served here, Invalid when a column is absent or no row can be used.
        """
        info = self.deployment(name)
        if not info.external:
            raise Conflict(f"{name!r} is served here: its predictions are logged as it answers.")
        filename = filename or _filename(source)
        now_ms = to_ms(self._store.now())
        rows = external.read_rows(source, filename, info.signature, columns, now_ms)
        require_some(rows)
        rows = only_new(rows, unknown_ids(self._store.folder, name, rows.ids))
        journal = Journal(log.journal_folder(self._store.folder, name))
        with self._store.read() as session:
            logged = logged_columns(session, name)
        append_rows(journal, info.model, info.version, info.signature, rows, logged)
        journal.seal()
        result = report(rows)
        after = {key: value for key, value in vars(result).items() if key != "problems"}
        with self._store.write() as session:
            after["file"] = filename
            record(session, self._store, "recorded", "deployment", name, after=after, reason=reason)
        return result

    def not_servable(self, model: str, version: int) -> str:
        """Why a version cannot be served and what to do about it; empty when it can."""
        try:
            prepare_to_serve(self._store, model, version)
        except Refused as refusal:
            return str(refusal)
        return ""

    def readiness(self, model: str, version: int) -> tuple[ReadinessStep, ...]:
        """What is missing before a version can be launched, step by step. Raises NotFound."""
        return readiness.readiness(self._store, self._version(model, version))

    def unmet_requirements(self, model: str, version: int) -> tuple[str, ...]:
        """What a version needs that Pilothouse's own interpreter does not have, to read."""
        return version_environments.unmet_requirements(self._store, self._version(model, version))

    def request_environment(
        self, model: str, version: int, kind: Literal["locked", "house"] = "locked"
    ) -> EnvironmentInfo:
        """Build the environment of a version from elsewhere, and check the version in it.

        `locked` has what it needs at its author's versions; `house` is Pilothouse's own, whose
        other versions are noted. Raises Conflict for a version that was trained here.
        """
        info = self._version(model, version)
        requested = version_environments.request_of(self._store, info, kind)
        return Environments(self._store).request(requested, info.ref)

    def _version(self, model: str, version: int) -> VersionInfo:
        with self._store.read() as session:
            return versions.find(session, model, version)

    def switch_version(self, name: str, version: int, reason: str = "") -> DeploymentInfo:
        """Serve another version of the model: it takes over when it is ready, no request fails.

        Raises Conflict while a rollout is under way, Refused for a version that does not stand in
        the deployment's stage.
        """
        info = self.deployment(name)
        if info.external:
            return self._follow_version(info, version, reason)
        prepare_to_serve(self._store, info.model, version)
        with self._store.write() as session:
            model = commands.require(session, name).model
            rollout_commands.require_idle(session, name)
            model_version = commands.require_servable(session, self._store, model, version)
            stage_rules.require_in_stage(session, name, model_version)
            commands.switch_version(session, self._store, name, model_version, reason)
        return self.deployment(name)

    def _follow_version(self, info: DeploymentInfo, version: int, reason: str) -> DeploymentInfo:
        """Predictions that are sent from now on are those of another version."""
        if not info.model:
            raise Conflict(f"{info.name!r} has no registered version to switch from.")
        with self._store.write() as session:
            model_version = commands.require_sendable(session, info.model, version)
            commands.switch_version(session, self._store, info.name, model_version, reason)
        return self.deployment(info.name)

    def roll_back(self, name: str, reason: str = "") -> DeploymentInfo:
        """Serve the version before; still warm, it answers within a second.

        While a rollout is under way, it is the rollout that is rolled back. Raises Conflict when
        there was no version before.
        """
        with self._store.write(durable=True) as session:
            rollout = rollout_commands.find_active(session, name)
            if rollout is None:
                commands.roll_back(session, self._store, name, reason)
            else:
                why = reason or f"rolled back by {self._store.actor}"
                rollout_commands.roll_back(session, self._store, rollout, why)
        return self.deployment(name)

    def stop(self, name: str, reason: str = "") -> DeploymentInfo:
        """Serve nothing under the name; the log is kept, and labels are still taken.

        A rollout that is under way is cancelled.
        """
        with self._store.write() as session:
            if rollout_commands.find_active(session, name) is not None:
                rollout_commands.cancel(session, self._store, name, "the deployment was stopped")
            commands.stop(session, self._store, name, reason)
        return self.deployment(name)

    def resume(self, name: str, reason: str = "") -> DeploymentInfo:
        """Serve again after a stop, or try again at once after crashes."""
        with self._store.write() as session:
            commands.resume(session, self._store, name, reason)
        return self.deployment(name)

    def deployments(self) -> pd.DataFrame:
        """One row per deployment; columns as in `COLUMNS`."""
        import pandas as pd

        with self._store.read() as session:
            deployments = session.exec(select(Deployment).order_by(Deployment.name)).all()
            stages = stage_rules.stages_by_name(session)
            rows = [_row(d, commands.replicas_of(session, d.name), stages) for d in deployments]
        return pd.DataFrame(rows, columns=list(COLUMNS))

    def deployment(self, name: str) -> DeploymentInfo:
        """One deployment with its processes and revisions. Raises NotFound.

        Its `input_example` has values of nobody in columns that are marked as personal data, and
        its signatures no values of these.
        """
        with self._store.read() as session:
            deployment = commands.require(session, name)
            info = deployment_info(
                deployment, commands.replicas_of(session, name), commands.revisions(session, name)
            )
            masking = masking_of_log(session, name)
        info = replace(
            info,
            input_example=masking.examples(info.input_example),
            signature=masking.signature(info.signature),
            serving_signature=masking.signature(info.serving_signature),
        )
        problem = room_problem(self._store.folder)
        return replace(info, message=f"{info.message} {problem}") if problem else info

    def serving(self, model: str) -> list[str]:
        """The deployments of a model, by name."""
        query = select(Deployment.name).where(Deployment.model == model)
        with self._store.read() as session:
            return list(session.exec(query.order_by(col(Deployment.name))))

    def wait_until_ready(self, name: str, seconds: float = 120.0) -> DeploymentInfo:
        """Wait until the desired version is serving. Raises Unavailable after `seconds`.

        One that sleeps is serving: its next request starts its processes.
        """
        end = time.monotonic() + seconds
        if self.deployment(name).external:
            raise Conflict(f"{name!r} is served elsewhere: there is nothing to wait for.")
        while (info := self.deployment(name)).status not in ("ready", ASLEEP):
            if time.monotonic() > end:
                raise Unavailable(f"{name!r} is not ready: {info.message}", hint="See its log.")
            time.sleep(POLL_SECONDS)
        return info

    def logs(self, name: str, lines: int = 200) -> str:
        """The last lines that the processes of the desired version logged."""
        info = self.deployment(name)
        paths = ReplicaPaths(self._store.run_folder, self._store.log_folder)
        parts = []
        for ordinal in range(info.replica_count):
            file = paths.log_file(name, info.version, ordinal)
            if file.exists():
                last = file.read_text(errors="replace").splitlines()[-lines:]
                parts += readable("\n".join(last)).splitlines()
        return "\n".join(parts[-lines:])

    def failure(self, name: str) -> Failure | None:
        """Why the desired version exited last, while it is not ready again; else None."""
        info = self.deployment(name)
        replica = failing(info.replicas, info.version)
        if info.desired_state == "stopped" or replica is None:
            return None
        paths = ReplicaPaths(self._store.run_folder, self._store.log_folder)
        return failure_of(replica, paths.log_file(name, replica.version, replica.ordinal))

    def predict(
        self,
        name: str,
        records: Sequence[dict[str, Any]],
        *,
        event_time: datetime | None = None,
    ) -> list[dict[str, Any]]:
        """Predict over HTTP through the running server.

        One dictionary per record: prediction_id, version, prediction and outputs; with classes also
        label and probabilities, with a score also score. `event_time`, an aware instant, is when
        the event happened; by default now. Raises Invalid that names the columns, Unavailable when
        no server or process is ready.
        """
        signature = self.deployment(name).serving_signature
        event_ms = None if event_time is None else to_ms(event_time)
        return client.infer(self._store.run_folder, name, signature, list(records), event_ms)

    def predictions(
        self,
        name: str,
        start: datetime | None = None,
        end: datetime | None = None,
        columns: Iterable[str] | None = None,
        limit: int | None = None,
    ) -> pd.DataFrame:
        """Predictions with start <= event_at < end in the order they came; `limit` keeps the last.

        Columns: prediction_id, model, version, event_at, received_at, latency_ms, the outputs
        (`score`, or `out.` and the output's name), features.
        """
        folder = self._store.folder
        if limit is not None and start is None and end is None:
            return log.recent(folder, self._known(name), limit, columns)
        frame = log.predictions(folder, self._known(name), start, end, columns)
        return frame if limit is None else frame.tail(limit).reset_index(drop=True)

    def masked(self, revealed: Sequence[str] = ()) -> MaskedLog:
        """The logs with personal data masked, as screens and commands show them.

        `revealed` are deployments that are not masked: record it with `reveal` first.
        """
        return MaskedLog(self._store, self, revealed)

    def labels(self, name: str, start: datetime | None = None) -> pd.DataFrame:
        """The last received label of each id: prediction_id, label, label_at, received_at.

        `start` leaves out what came true on days before it.
        """
        return log.labels(self._store.folder, self._known(name), start)

    def label(
        self,
        name: str,
        ids: Sequence[str],
        labels: Sequence[Any],
        at: datetime | Sequence[datetime] | None = None,
    ) -> int:
        """Tell what came true of predictions, or correct it; how many labels were taken.

        Raises Invalid for a value that is not a label of the model.
        """
        when = [to_ms(t) for t in ([at] * len(ids) if isinstance(at, datetime) else at or ())]
        signature = self.deployment(name).signature
        checked = check_labels(signature, ids, labels, when or None, to_ms(self._store.now()))
        write_labels(log.journal_folder(self._store.folder, name), checked)
        return len(checked.ids)

    def label_columns(
        self, name: str, source: str | Path | bytes, filename: str = ""
    ) -> tuple[list[str], label_file.LabelColumns]:
        """The columns of a file, and which of them seem to hold ids, labels and instants."""
        names = label_file.column_names(source, filename or _filename(source))
        return names, label_file.guess_columns(names, self.signature(name))

    def check_label_file(
        self,
        name: str,
        source: str | Path | bytes,
        filename: str = "",
        columns: label_file.LabelColumns | None = None,
    ) -> label_report.LabelReport:
        """What `label_from_file` would do with a file; nothing is written. Raises as it does."""
        return self._compared(name, source, filename or _filename(source), columns)[0]

    def label_from_file(
        self,
        name: str,
        source: str | Path | bytes,
        filename: str = "",
        columns: label_file.LabelColumns | None = None,
        reason: str = "",
    ) -> label_report.LabelReport:
        """Label predictions from a CSV or Parquet file; the windows concerned become due.

        The report names ids nobody predicted, corrected ones and rows that cannot be read, which
        are left out. Raises Invalid when no row can be read and when no id was predicted.
        """
        filename = filename or _filename(source)
        report, labels = self._compared(name, source, filename, columns)
        if labels.ids:
            write_labels(log.journal_folder(self._store.folder, name), labels)

        after = {"accepted": report.accepted, "unmatched": len(report.unmatched), "file": filename}
        after |= {"corrected": len(report.corrected), "unreadable": report.unreadable}
        with self._store.write() as session:
            record(session, self._store, "labelled", "deployment", name, after=after, reason=reason)

        return report

    def _compared(
        self,
        name: str,
        source: str | Path | bytes,
        filename: str,
        columns: label_file.LabelColumns | None,
    ) -> tuple[label_report.LabelReport, Labels]:
        now_ms, signature = to_ms(self._store.now()), self.signature(name)
        labels = label_file.read_label_file(source, filename, signature, now_ms, columns)
        return label_report.compare(self._store.folder, name, signature, labels)

    def label_counts(self, name: str) -> tuple[int, int]:
        """How many ids have a label, and how many of those nobody predicted."""
        return log.unmatched_labels(self._store.folder, self._known(name))

    def traffic(self, name: str, hours: float = 24.0) -> pd.DataFrame:
        """Requests over the last hours: at, requests, rows, p50_ms, p95_ms, errors."""
        if hours <= 0:
            raise Invalid("the span must be longer than nothing.", fields={"hours": "above 0"})
        return traffic_frame(self._store.folder, self._known(name), hours, self._store.now())

    def signature(self, name: str) -> Signature:
        """What the deployment takes and what its answer means."""
        return self.deployment(name).signature

    def _known(self, name: str) -> str:
        with self._store.read() as session:
            return commands.require(session, name).name


def _filename(source: str | Path | bytes | pd.DataFrame) -> str:
    return Path(source).name if isinstance(source, str | Path) else "the file"


def _row(
    deployment: Deployment, replicas: Sequence[Replica], stages: Mapping[str, str]
) -> tuple[Any, ...]:
    state, message = describe_status(deployment, replicas)
    return (
        deployment.name,
        deployment.model,
        deployment.version,
        deployment.serving_version,
        deployment.previous_version,
        deployment.desired_state,
        state,
        message,
        sum(r.state == "ready" and r.version == deployment.serving_version for r in replicas),
        deployment.replicas,
        sum(r.restarts for r in replicas),
        round(sum(r.rss_bytes for r in replicas) / 2**20, 1),
        bool(deployment.external),
        deployment.created_at,
        deployment.updated_at,
        stages.get(deployment.name, ""),
    )
