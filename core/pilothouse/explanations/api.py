"""The API of responsible use: fairness, explanations, what-if questions and counterfactuals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlmodel import Session, col, select

from pilothouse.explanations import explained_rows, fairness, live_models, stored_results
from pilothouse.explanations.explained_output import (
    ExplainedOutput,
    explained_outputs,
    output_named,
)
from pilothouse.explanations.explained_rows import LoggedPrediction, plain_value
from pilothouse.explanations.fairness import GroupThresholds
from pilothouse.explanations.held_out import HeldOutRows, background
from pilothouse.explanations.input_ranges import InputRange, input_ranges
from pilothouse.explanations.row_goal import row_goal
from pilothouse.explanations.row_jobs import allowed_columns, record_frame
from pilothouse.explanations.row_results import (
    COUNTERFACTUAL,
    EXPLAIN_ROW,
    Counterfactual,
    RowExplanation,
    WhatIfAnswer,
    read_counterfactual,
    read_explanation,
)
from pilothouse.explanations.stored_results import DEPENDENCE, IMPORTANCE, KINDS, StoredResult
from pilothouse.explanations.threshold_effects import GroupCounts
from pilothouse.jobs import require_result, submit
from pilothouse.jobs.tables import ENDED, Job
from pilothouse.kit.errors import Invalid
from pilothouse.models.tasks import metric_of, task_of
from pilothouse.registry import measurements, versions
from pilothouse.registry.evidence import MeasurementFact
from pilothouse.registry.info import VersionInfo
from pilothouse.registry.masked_versions import version_masking
from pilothouse.registry.versions import check_described
from pilothouse.storage.service import Service

if TYPE_CHECKING:
    import pandas as pd

EXPLAIN_VERSION = "explain_version"
RANGE_ROWS = 2_000
RESULT_COLUMNS = ("job", "kind", "status", "source", "at", "requested_by")


class Explanations(Service):
    """Responsible use of versions: whom they treat how, and why they answer what they do."""

    def group_columns(self, model: str, version: int) -> dict[str, str]:
        """Columns whose groups can be compared, with why: declared sensitive ones first.

        A column is declared by the tag `sensitive` of its dataset, by a fairness gate, or by a
        monitor; of the others, the reason is "". Raises NotFound.
        """
        with self._store.read() as session:
            info = versions.find(session, model, version)
            return stored_results.group_columns(session, info)

    def groups(self, model: str, version: int, column: str) -> pd.DataFrame:
        """The rates of the task by group of a column, on the held-out rows.

        Columns: group, rows, rate, title, mean, low, high, rate_rows, is_share. Raises NotFound,
        Conflict for a version without labelled held-out rows.
        """
        return fairness.group_frame(self._held_out(model, version), column)

    def group_thresholds(
        self,
        model: str,
        version: int,
        column: str,
        criterion: str = "demographic_parity",
        *,
        tolerance: float = 0.05,
        objective: str = "balanced_accuracy",
    ) -> GroupThresholds:
        """A threshold for each group that meets a criterion within a tolerance, and its cost.

        `criterion` is demographic_parity, equal_opportunity or equalised_odds; `objective` is
        balanced_accuracy or accuracy. Half of the held-out rows choose, the other half judges.
        Nothing of it is applied to what is served. Raises NotFound, Invalid, Conflict for a model
        without a score and when fewer than two groups are large enough.
        """
        rows = self._held_out(model, version)
        return fairness.group_thresholds(rows, column, criterion, tolerance, objective)

    def record_group_thresholds(
        self,
        model: str,
        version: int,
        column: str,
        criterion: str = "demographic_parity",
        *,
        tolerance: float = 0.05,
        objective: str = "balanced_accuracy",
    ) -> GroupThresholds:
        """Choose thresholds by group, and keep the analysis with the version and on its card.

        Raises as `group_thresholds` does.
        """
        options: dict[str, Any] = {"tolerance": tolerance, "objective": objective}
        report = self.group_thresholds(model, version, column, criterion, **options)
        params = {"column": column, "criterion": criterion, **options}
        with self._store.write() as session:
            info = versions.find(session, model, version)
            fact = MeasurementFact(
                measurements.GROUP_THRESHOLDS, params, report.to_json(), report.rows
            )
            measurements.record_measurement(session, self._store, info, fact)
        return report

    def counts_at(
        self, model: str, version: int, column: str, thresholds: Mapping[str, float]
    ) -> list[GroupCounts]:
        """The confusion of each group of a column at its threshold, on all held-out rows.

        Groups that are not named have the version's own threshold. Raises NotFound, Invalid for a
        threshold outside 0 to 1, Conflict for a model without a score.
        """
        if wrong := [name for name, value in thresholds.items() if not 0 <= value <= 1]:
            raise Invalid(
                "a threshold lies between 0 and 1.", fields=dict.fromkeys(wrong, "0 to 1")
            )
        rows = self._held_out(model, version)
        scored = fairness.ScoredGroups.of(rows, column)
        if unknown := [name for name in thresholds if name not in scored.names]:
            raise Invalid(
                f"{column} has no group {', '.join(unknown)}.",
                hint=f"It has {', '.join(scored.names)}.",
                fields={"thresholds": "no such group"},
            )
        return scored.counts(thresholds, rows.predictions.signature.threshold)

    def explain(
        self, model: str, version: int, kind: str, *, metric: str = "", columns: Sequence[str] = ()
    ) -> str:
        """Ask for an explanation of a version on its held-out rows; the job's id.

        `kind` is permutation_importance, of a `metric` of its task (the primary one), or
        partial_dependence, of `columns` (all). A job that is under way is not started twice. Raises
        NotFound, Invalid, Conflict for a version whose answer is not described.
        """
        with self._store.write() as session:
            info = versions.find(session, model, version)
            check_described(info)
            need = {"kind": kind, "params": _params(info, kind, metric, columns)}
            return self._submit(
                session, info, EXPLAIN_VERSION, {"needs": [need]}, f"{KINDS[kind]} of {info.ref}"
            )

    def importances(self, model: str, version: int) -> StoredResult | None:
        """The newest permutation importance on the present rows; None before there is one."""
        return self._stored(model, version, IMPORTANCE)

    def dependences(self, model: str, version: int) -> StoredResult | None:
        """The newest partial dependence on the present rows; None before there is one."""
        return self._stored(model, version, DEPENDENCE)

    def outputs(self, model: str, version: int) -> tuple[ExplainedOutput, ...]:
        """The numbers of a version's answer that can be explained. Raises NotFound."""
        return explained_outputs(self._version(model, version).signature)

    def input_ranges(self, model: str, version: int) -> dict[str, InputRange]:
        """What values each input has had: in training, else in held-out or logged rows.

        An input of which nothing is known has an empty range. Raises NotFound.
        """
        info = self._version(model, version)
        with self._store.read() as session:
            masking = version_masking(session, info)
        ranges = input_ranges(self._store, info, RANGE_ROWS)
        unseen = {name: InputRange(name) for name in masking.kinds if name in ranges}
        return ranges | unseen

    def logged_prediction(self, deployment: str, prediction_id: str) -> LoggedPrediction:
        """A prediction of a deployment's log, as a row that can be explained. Raises NotFound."""
        return explained_rows.logged_prediction(self._store, deployment, prediction_id)

    def dataset_record(self, model: str, version: int, dataset: str, row: int) -> dict[str, Any]:
        """The inputs of a row of a dataset version, counted from 0. Raises NotFound, Invalid."""
        info = self._version(model, version)
        return explained_rows.dataset_record(self._store, info, dataset, row)

    def what_if(self, model: str, version: int, record: Mapping[str, Any]) -> WhatIfAnswer:
        """What a version answers to a record, now, without logging it as a prediction.

        A model process of its own answers: the first question waits until it has started. Raises
        NotFound, Invalid that names the wrong inputs, Refused and Unavailable as a deployment does.
        """
        info = self._version(model, version)
        scored = live_models.answer_rows(self._store, info, record_frame(info, record))
        outputs = {name: plain_value(values[0]) for name, values in scored.columns.items()}
        return WhatIfAnswer(scored.predictions(info.signature)[0], outputs)

    def explain_row(
        self,
        model: str,
        version: int,
        record: Mapping[str, Any],
        *,
        output: str = "",
        source: str = "",
    ) -> str:
        """Ask which columns move a version's answer to a record: Shapley values; the job's id.

        `output` names one of `outputs`, by default that of the answer; `source` says where the row
        is from. Raises NotFound, Invalid for a wrong input or output, Conflict for a version whose
        answer is not described or that has no rows to be explained against.
        """
        info = self._version(model, version)
        check_described(info)
        output_named(info.signature, output)
        plain = record_frame(info, record).iloc[0].to_dict()
        background(self._store, info, 1)
        with self._store.write() as session:
            about = {"record": plain, "output": output, "source": source or "a record"}
            title = f"Explain {about['source']} by {info.ref}"
            return self._submit(session, info, EXPLAIN_ROW, about, title)

    def explain_prediction(self, deployment: str, prediction_id: str, *, output: str = "") -> str:
        """Ask which columns moved a logged prediction; the job's id.

        It is explained by the version that answered it. Raises as `logged_prediction` and
        `explain_row` do.
        """
        logged = self.logged_prediction(deployment, prediction_id)
        return self.explain_row(
            logged.model, logged.version, logged.record, output=output, source=logged.source
        )

    def explanation(self, job: str) -> RowExplanation:
        """What a job of `explain_row` has found. Raises NotFound while it has no result."""
        return read_explanation(job, self._result(job, EXPLAIN_ROW))

    def find_counterfactual(
        self,
        model: str,
        version: int,
        record: Mapping[str, Any],
        *,
        columns: Sequence[str] = (),
        answer: Any = None,
        output: str = "",
        at_least: float | None = None,
        at_most: float | None = None,
        source: str = "",
    ) -> str:
        """Ask for the smallest change of a record that reaches a goal; the job's id.

        The goal is another class, `answer` or any, or a number of at least or at most so much.
        `columns` may change, by default all but times. Raises NotFound, Invalid for a wrong input,
        column or goal, Conflict as `explain_row` does.
        """
        info = self._version(model, version)
        check_described(info)
        plain = record_frame(info, record).iloc[0].to_dict()
        goal = {"answer": answer, "output": output, "at_least": at_least, "at_most": at_most}
        row_goal(info.signature, None, **goal)
        allowed_columns(info, columns)
        background(self._store, info, 1)
        with self._store.write() as session:
            named = source or "a record"
            about = {"record": plain, "columns": list(columns), "goal": goal, "source": named}
            title = f"Nearest counterfactual of {named} by {info.ref}"
            return self._submit(session, info, COUNTERFACTUAL, about, title)

    def counterfactual(self, job: str) -> Counterfactual:
        """What a job of `find_counterfactual` has found. Raises NotFound without a result."""
        return read_counterfactual(job, self._result(job, COUNTERFACTUAL))

    def row_results(self, model: str, version: int, *, size: int = 20) -> pd.DataFrame:
        """The explanations and counterfactuals that were asked for, newest first.

        Columns: job, kind, status, source, at, requested_by. Raises NotFound.
        """
        import pandas as pd

        info = self._version(model, version)
        query = (
            select(Job)
            .where(col(Job.kind).in_((EXPLAIN_ROW, COUNTERFACTUAL)), Job.subject_ref == info.ref)
            .order_by(col(Job.created_at).desc())
            .limit(size)
        )
        with self._store.read() as session:
            rows = [
                (j.id, j.kind, j.status, j.args["source"], j.created_at, j.requested_by)
                for j in session.exec(query)
            ]
        frame = pd.DataFrame(rows, columns=list(RESULT_COLUMNS))
        return frame.assign(at=pd.to_datetime(frame["at"], utc=True))

    def _version(self, model: str, version: int) -> VersionInfo:
        with self._store.read() as session:
            return versions.find(session, model, version)

    def _held_out(self, model: str, version: int) -> HeldOutRows:
        return HeldOutRows(self._store, self._version(model, version))

    def _stored(self, model: str, version: int, kind: str) -> StoredResult | None:
        with self._store.read() as session:
            info = versions.find(session, model, version)
            return stored_results.newest(session, info, kind)

    def _submit(
        self, session: Session, info: VersionInfo, kind: str, about: Mapping[str, Any], title: str
    ) -> str:
        """A job about a version; the same one that is under way is not started twice."""
        args = {"model": info.model, "version": info.version, **about}
        waiting = select(Job).where(
            Job.kind == kind, Job.subject_ref == info.ref, col(Job.status).not_in(ENDED)
        )
        for job in session.exec(waiting):
            if job.args == args:
                return job.id
        return submit(session, self._store, kind, args, title=title, subject=("version", info.ref))

    def _result(self, job: str, kind: str) -> Mapping[str, Any]:
        with self._store.read() as session:
            return require_result(session, job, kind, "a job")


def _params(info: VersionInfo, kind: str, metric: str, columns: Sequence[str]) -> dict[str, Any]:
    """The parameters of a measurement. Raises Invalid."""
    if kind not in KINDS:
        raise Invalid(f"no explanation {kind!r}.", fields={"kind": ", ".join(KINDS)})
    if metric and metric_of(task_of(info.signature), metric) is None:
        titles = ", ".join(m.key for m in task_of(info.signature).metrics)
        raise Invalid(
            f"{metric!r} is no metric of {info.ref}.",
            hint=f"It has {titles}.",
            fields={"metric": "no such metric"},
        )
    if unknown := [name for name in columns if name not in info.signature.names]:
        raise Invalid(
            f"{info.ref} has no input {', '.join(unknown)}.",
            fields={"columns": "no such input"},
        )
    return {"metric": metric} if kind == IMPORTANCE else {"columns": list(columns)}
