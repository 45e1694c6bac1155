"""The API of pipelines, for screens, commands and notebooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlmodel import Session, col, select

from pilothouse.data import versions as data_versions
from pilothouse.deployments import commands
from pilothouse.jobs import require_result, submit
from pilothouse.jobs.backends import spread_argument
from pilothouse.jobs.tables import Job
from pilothouse.kit.errors import Conflict, Invalid, require_reason
from pilothouse.kit.names import DATASET
from pilothouse.pipelines import auto_monitor, automatic_retraining, retraining_decisions
from pilothouse.pipelines.backtest_results import KIND as BACKTEST
from pilothouse.pipelines.backtest_results import NEVER, Backtest, read_backtest
from pilothouse.pipelines.batch_prediction import carried_columns, prediction_name
from pilothouse.pipelines.definitions.definitions import PipelineDefinitions
from pilothouse.pipelines.demos import DEMOS, FLIGHTS, Demo, demo
from pilothouse.pipelines.labelled_rows import check_inputs, label_column
from pilothouse.pipelines.retraining_policy import (
    RetrainingPolicy,
    policy_for,
    policy_of,
    set_policy,
)
from pilothouse.registry import versions

if TYPE_CHECKING:
    import pandas as pd

MAX_WEEKS = 52


class Pipelines(PipelineDefinitions):
    """Pipelines of people's own, retraining, evaluation and the demos."""

    def retrain(self, deployment: str, reason: str, *, weeks: int | None = None) -> str:
        """Ask for a retraining, by default on the rows of its policy, and return the job's id.

        Raises Invalid without a reason, NotFound without the deployment, Conflict while another
        retraining of it is under way, and when its policy allows none by hand.
        """
        require_reason(reason, "a retraining")
        if weeks is not None and not 1 <= weeks <= MAX_WEEKS:
            raise Invalid(f"{weeks} weeks is no window.", fields={"weeks": f"1 to {MAX_WEEKS}"})

        with self._store.write() as session:
            commands.require(session, deployment)
            automatic_retraining.require_by_hand(session, deployment)
            return automatic_retraining.start_by_hand(
                session, self._store, deployment, reason, weeks
            )

    def retraining_policy(self, deployment: str) -> RetrainingPolicy:
        """When and on which rows a deployment's model is retrained. Raises NotFound."""
        with self._store.read() as session:
            commands.require(session, deployment)
            return policy_for(session, deployment)

    def set_retraining_policy(
        self, deployment: str, reason: str = "", **settings: Any
    ) -> RetrainingPolicy:
        """Change settings of a deployment's `RetrainingPolicy`; the others stay as they are.

        The mode "off" withdraws a request that waits for an answer.

        Raises NotFound without the deployment or a trigger, Invalid that names wrong settings.
        """
        with self._store.write() as session:
            return set_policy(session, self._store, deployment, settings, reason)

    def retraining_decisions(self, deployment: str = "", *, size: int = 50) -> pd.DataFrame:
        """What triggers have led to, newest first: a frame of `retraining_decisions.COLUMNS`.

        Of every deployment when none is named. Raises NotFound.
        """
        with self._store.read() as session:
            if deployment:
                commands.require(session, deployment)
            return retraining_decisions.frame(session, deployment, size)

    def approve_retraining(self, deployment: str, reason: str = "") -> str:
        """Start the retraining that waits for an answer; the job's id. Raises NotFound.

        Raises Conflict while another one is under way, and when the policy is off.
        """
        with self._store.write() as session:
            return automatic_retraining.approve(session, self._store, deployment, reason)

    def decline_retraining(self, deployment: str, reason: str = "") -> None:
        """Decline the retraining that waits for an answer. Raises NotFound."""
        with self._store.write() as session:
            automatic_retraining.decline(session, self._store, deployment, reason)

    def backtest(
        self, deployment: str, policies: Mapping[str, Mapping[str, Any] | RetrainingPolicy]
    ) -> str:
        """Ask for a replay of a deployment's labelled history under policies; the job's id.

        Each policy has a name and its settings, as for `set_retraining_policy`. Never retraining is
        replayed too. Raises NotFound, Invalid without a policy or for wrong settings, Conflict for
        a model that the trainers of Pilothouse did not make.
        """
        settings = {name.strip(): policy_of(policy) for name, policy in policies.items()}
        if not settings or "" in settings or NEVER in settings:
            raise Invalid(
                "a backtest needs policies with a name of their own.",
                hint=f"{NEVER!r} is replayed anyway.",
                fields={"policies": "names are needed"},
            )
        with self._store.read() as session:
            commands.require(session, deployment)
        from pilothouse.pipelines.retraining import check_replayable

        check_replayable(self._store, deployment)
        with self._store.write() as session:
            return submit(
                session,
                self._store,
                BACKTEST,
                {
                    "deployment": deployment,
                    "policies": {name: policy.to_json() for name, policy in settings.items()},
                },
                title=f"Backtest the retraining of {deployment}",
                subject=("retraining", deployment),  # where its result is shown
            )

    def backtests(self, deployment: str = "") -> pd.DataFrame:
        """The jobs of backtests, newest first: job, deployment, status, at, policies."""
        import pandas as pd

        columns = (Job.id, Job.subject_ref, Job.status, Job.created_at, Job.args)
        query: Any = select(*columns)  # type: ignore[call-overload]  # not their long results
        query = query.where(Job.kind == BACKTEST).order_by(col(Job.created_at).desc())
        with self._store.read() as session:
            if deployment:
                commands.require(session, deployment)
                query = query.where(Job.subject_ref == deployment)
            rows = [
                (*about, ", ".join(args["policies"])) for *about, args in session.execute(query)
            ]
        return pd.DataFrame(rows, columns=["job", "deployment", "status", "at", "policies"])

    def backtest_result(self, job: str) -> Backtest:
        """What a backtest has found. Raises NotFound for a job that is none or has no result."""
        with self._store.read() as session:
            result = require_result(session, job, BACKTEST, "a backtest")
        return read_backtest(job, result)

    def reason_not_retrained(self, deployment: str) -> str:
        """Why a deployment's model cannot be retrained by hand; empty when it can with its labels.

        Raises NotFound without the deployment.
        """
        from pilothouse.pipelines.retraining import reason_against

        try:
            with self._store.read() as session:
                automatic_retraining.require_by_hand(session, deployment)
        except Conflict as refused:
            return str(refused)
        return reason_against(self._store, deployment)

    def reason_not_replayed(self, deployment: str) -> str:
        """Why a deployment's history cannot be replayed; empty when it can, with enough of it.

        Raises NotFound without the deployment.
        """
        from pilothouse.pipelines.retraining import check_replayable

        try:
            check_replayable(self._store, deployment)
        except (Conflict, Invalid) as refused:
            return str(refused)
        return ""

    def monitor(self, deployment: str) -> None:
        """See to it that a deployment is monitored: a monitor, and an evaluation every hour.

        What is there already stays as it is. Raises NotFound without the deployment.
        """
        with self._store.write() as session:
            auto_monitor.monitor(session, self._store, deployment)

    def evaluate(self, deployment: str) -> str:
        """Ask for the evaluation of every window that is due; the job's id. Raises NotFound."""
        with self._store.write() as session:
            commands.require(session, deployment)
            return submit(
                session,
                self._store,
                "evaluate_windows",
                {"deployment": deployment},
                title=f"Evaluate {deployment}",
                subject=("deployment", deployment),
            )

    def evaluate_version(self, model: str, version: int, dataset: str, label: str = "") -> str:
        """Ask for the evaluation of a version on a dataset version; the job's id.

        `label` is the column with what was observed, by default that of the model's target. Raises
        NotFound, Conflict for a version whose answer is not described, Invalid when the dataset
        version lacks an input or the labels.
        """
        with self._store.write() as session:
            info = versions.find(session, model, version)
            versions.check_described(info)
            data = data_versions.require(session, dataset)
            label = label_column(info.signature, data.column_names, label)
            check_inputs(info.signature, data.column_names, data.ref)
            about = {"dataset": data.ref, "label": label}
            return submit(
                session,
                self._store,
                "evaluate_version",
                {"model": model, "version": info.version, **about},
                title=f"Evaluate {info.ref} on {data.ref}",
                subject=("version", info.ref),
            )

    def predict_dataset(
        self,
        model: str,
        version: int,
        dataset: str,
        *,
        name: str = "",
        columns: Sequence[str] | None = None,
        spread: str = "",
    ) -> str:
        """Ask for a version's answers to every row of a dataset version; the job's id.

        They become a version of the dataset `name` (by default the dataset's own name with
        `-predictions`), beside `columns` of the rows, by default those that are no inputs. `spread`
        names the backend that blocks of rows run on. Raises NotFound, Conflict for a version whose
        answer is not described, Invalid for missing inputs, and what `spread_argument` raises.
        """
        spread_args = spread_argument(spread, self._store.settings)
        with self._store.write() as session:
            info = versions.find(session, model, version)
            versions.check_described(info)
            data = data_versions.require(session, dataset)
            check_inputs(info.signature, data.column_names, data.ref)
            name = name or prediction_name(data)
            DATASET.check(name)
            carried = carried_columns(info, data, columns)
            about = {"dataset": data.ref, "name": name, "columns": carried}
            return submit(
                session,
                self._store,
                "predict_dataset",
                {"model": model, "version": info.version, **about, **spread_args},
                title=f"Predict {data.ref} with {info.ref}",
                subject=("version", info.ref),
            )

    def start_demo(self, weeks: int | None = None, *, name: str = FLIGHTS) -> str:
        """Ask for a demo, once in a workspace; the id of its newest job.

        `weeks` is for the flights only: send no more than the first. Raises NotFound for an unknown
        demo, Unavailable when its data is not installed.
        """
        chosen = demo(name)
        if weeks is not None and not 1 <= weeks <= MAX_WEEKS:
            raise Invalid(f"{weeks} weeks is no demo.", fields={"weeks": f"1 to {MAX_WEEKS}"})
        with self._store.write() as session:
            if job := _newest_job(session, chosen.job):
                return job
            chosen.require_packages()
            args = {"weeks": weeks} if name == FLIGHTS else {}
            return submit(session, self._store, chosen.job, args, title=f"Run the {name} demo")

    def demo_job(self, name: str = FLIGHTS) -> str | None:
        """The newest job of a demo, or None. Raises NotFound for an unknown one."""
        with self._store.read() as session:
            return _newest_job(session, demo(name).job)

    def demos(self) -> tuple[Demo, ...]:
        """The demos on real data: name, title, what it shows, and whether its data is there."""
        return DEMOS


def _newest_job(session: Session, kind: str) -> str | None:
    newest = select(Job.id).where(Job.kind == kind).order_by(col(Job.created_at).desc())
    return session.exec(newest).first()
