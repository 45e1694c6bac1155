"""The replay of a deployment's history under one retraining policy.

Window by window, the champion of that moment answers; at the end of each window the triggers are
asked with what was known then; a retraining trains the first version's specification on the rows
and labels of that moment, and its model becomes the champion when it is better on the newest rows
that both are judged on. A person who decides at once, by this comparison alone, would do the same.

It runs in child processes only. What it trains leaves no run and no version.
"""

from __future__ import annotations

import io
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pilothouse.jobs import Progress
from pilothouse.kit.clock import from_ms, to_ms
from pilothouse.kit.errors import Invalid
from pilothouse.models.signature import Signature
from pilothouse.models.tasks import TaskMetric, metric_of, primary_metric, task_of
from pilothouse.monitoring.alert_state import Verdict, evaluate
from pilothouse.monitoring.checks import FAIL, INSUFFICIENT, NOT_EVALUATED
from pilothouse.monitoring.windows import Span
from pilothouse.pipelines.backtest_history import NEVER_MS, LabelledHistory, read_history
from pilothouse.pipelines.retraining import champion_spec
from pilothouse.pipelines.retraining_policy import ALERT, RetrainingPolicy, policy_of
from pilothouse.pipelines.retraining_proposal import EVENT_TIME, newest_share
from pilothouse.pipelines.triggers import JudgedWindow, TriggerFacts, triggers
from pilothouse.storage import Store
from pilothouse.training.spec import HELD_OUT

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from pilothouse.models.answers import Outputs
    from pilothouse.monitoring.reference_profile import ReferenceProfile
    from pilothouse.training.fitted_model import FittedModel

    Integers = npt.NDArray[np.int64]
    Floats = npt.NDArray[np.float64]

ALERT_WINDOWS = 2  # as many windows in a row as the default rule on performance asks for
AGAIN = 2  # so many windows before the newest are judged again, for the labels that came since
DRIFT = "drift"


@dataclass(frozen=True, eq=False)
class Champion:
    """A model that answers the history: the deployment's first version, or one trained on the way.

    `outputs` are its answers to the rows of these positions. `since` is the index of the first
    window that it answers.
    """

    title: str
    signature: Signature
    reference: ReferenceProfile
    outputs: Callable[[slice | Integers], Outputs]
    truth: Floats
    since: int


def replay_policy(
    store: Store,
    progress: Progress,
    *,
    deployment: str,
    name: str,
    policy: dict[str, Any] | None,
) -> dict[str, Any]:
    """Replay the history under a policy, or without any retraining when it is None.

    The result is a plain value: `windows` with the metric of each, and `retrainings`.
    """
    history = read_history(store, deployment, progress)
    replay = Replay(store, history, None if policy is None else policy_of(policy), progress)
    return {"policy": name, "settings": policy, **replay.run()}


@dataclass
class Replay:
    """One policy on its way through the history."""

    store: Store
    history: LabelledHistory
    policy: RetrainingPolicy | None
    progress: Progress
    windows: list[dict[str, Any]] = field(default_factory=list)
    retrainings: list[dict[str, Any]] = field(default_factory=list)
    held: Counter[str] = field(default_factory=Counter)
    judged: dict[int, JudgedWindow] = field(default_factory=dict)
    is_firing: bool = False

    def __post_init__(self) -> None:
        self.champion = self._first()
        self.trained_at = self.history.windows[0].start
        self.judged_from = 0
        self.metric = primary_metric(task_of(self.champion.signature))

    def run(self) -> dict[str, Any]:
        """Answer every window, and retrain in between when the policy says so."""
        spans = self.history.windows
        for index, span in enumerate(spans):
            self.progress(index / len(spans), f"{span.start:%Y-%m-%d}")
            self._answer(span)
            if self.policy is not None and index + 1 < len(spans):
                self._ask(self.policy, index, span.end)
        metric = metric_of(task_of(self.champion.signature), self.metric)
        return {
            "metric": self.metric,
            "title": metric.title if metric else self.metric,
            "better": metric.direction if metric else "higher",
            "windows": self.windows,
            "retrainings": self.retrainings,
            "held": dict(self.held),
        }

    def _first(self) -> Champion:
        from pilothouse.monitoring import baselines

        history = self.history
        baseline = baselines.baseline(
            self.store, history.deployment, history.first.model, history.first.version,
            history.config.reference_rows,
        )  # fmt: skip

        def outputs(rows: slice | Integers) -> Outputs:
            return {name: values[rows] for name, values in history.outputs.items()}

        signature = history.first.signature
        return Champion(
            history.first.ref, signature, baseline.profile, outputs, self._truth(signature), 0
        )

    def _truth(self, signature: Signature) -> Floats:
        """All labels as numbers of a signature, whose classes may have another order."""
        from pilothouse.monitoring.window_data import truth

        return truth(self.history.frame[signature.target], signature)

    def _answer(self, span: Span) -> None:
        """Note how good the champion is on a window, with every label that has ever come."""
        import numpy as np

        rows = self.history.rows_of(span)
        positions = np.arange(rows.start, rows.stop)
        labelled = positions[self.history.labelled_at[rows] < NEVER_MS]
        value = self._metric(self.champion, labelled) if len(labelled) else None
        self.windows.append(
            {
                "start": span.in_ms[0],
                "end": span.in_ms[1],
                "rows": len(positions),
                "labelled": len(labelled),
                "value": value,
                "champion": self.champion.title,
            }
        )

    def _metric(self, champion: Champion, rows: Integers) -> float | None:
        task = task_of(champion.signature)
        metrics = task.compute_metrics(
            champion.signature, champion.outputs(rows), champion.truth[rows]
        )
        return metrics.get(self.metric)

    def _ask(self, policy: RetrainingPolicy, index: int, now: datetime) -> None:
        """Ask the triggers at the end of a window, and retrain unless something is in the way."""
        self._judge(policy, index, now)
        facts = TriggerFacts(
            now=now,
            last_trained=self.trained_at,
            windows=tuple(self.judged[n] for n in sorted(self.judged) if n >= self.judged_from),
            alerts=self._alerts(),
            new_labels=self._new_labels(now),
        )
        for name in sorted(policy.triggers, key=lambda name: (name != ALERT, name)):
            if reason := triggers.get(name).reason(facts, policy.parameters_of(name)):
                if obstacle := self._obstacle(policy, now):
                    self.held[obstacle] += 1
                    if name == ALERT:  # as a real one, it is looked at again
                        self.is_firing = False
                else:
                    self._retrain(policy, index, now, name, reason)
                return

    def _judge(self, policy: RetrainingPolicy, index: int, now: datetime) -> None:
        """Judge the newest windows of the champion as monitoring would have, with known labels."""
        if not {ALERT, DRIFT} & set(policy.triggers):
            return
        for number in range(max(self.champion.since, index - AGAIN), index + 1):
            span = self.history.windows[number]
            self.judged[number] = self._assess(span, now)

    def _assess(self, span: Span, now: datetime) -> JudgedWindow:
        import numpy as np

        from pilothouse.monitoring.assessment import assess
        from pilothouse.monitoring.performance import compute_performance
        from pilothouse.monitoring.window_rows import WindowRows

        history, champion, rows = self.history, self.champion, self.history.rows_of(span)
        truth = champion.truth[rows].copy()
        truth[history.labelled_at[rows] > to_ms(now)] = np.nan
        features = history.frame.iloc[rows].reset_index(drop=True)
        window = WindowRows(features, champion.outputs(rows), truth, history.at[rows])
        performance = compute_performance(
            champion.signature, window.outputs, truth, window.at, history.config.tolerances
        )
        result = assess(champion.reference, window, history.config, champion.signature, performance)
        return JudgedWindow(span.start, span.end, result.drift_status, result.performance_status)

    def _alerts(self) -> tuple[str, ...]:
        """The message of an alert that begins to fire now: performance failed twice in a row."""
        newest = [self.judged[n] for n in sorted(self.judged) if n >= self.champion.since]
        verdicts = [_verdict(window.performance_status) for window in newest]
        firing = evaluate(verdicts, ALERT_WINDOWS, ALERT_WINDOWS).phase == "firing"
        begins, self.is_firing = firing and not self.is_firing, firing
        return (f"performance failed in {ALERT_WINDOWS} windows in a row",) if begins else ()

    def _new_labels(self, now: datetime) -> int:
        instants = self.history.labelled_at
        return int(((instants > to_ms(self.trained_at)) & (instants <= to_ms(now))).sum())

    def _obstacle(self, policy: RetrainingPolicy, now: datetime) -> str:
        """What holds a retraining back; empty when nothing does."""
        last = self.retrainings[-1]["at"] if self.retrainings else None
        if last and now - from_ms(last) < timedelta(days=policy.cooldown_days):
            return "cooldown"
        month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        used = sum(from_ms(entry["at"]) >= month for entry in self.retrainings)
        if policy.monthly_budget is not None and used >= policy.monthly_budget:
            return "budget"
        start = policy.start(now)
        labelled = len(self.history.learnable(start, now))
        share = policy.min_labelled_share * self.history.count(start, now)
        return "labels" if labelled < max(policy.min_rows, share) else ""

    def _retrain(
        self, policy: RetrainingPolicy, index: int, now: datetime, trigger: str, reason: str
    ) -> None:
        """Train on what was known, and let the better one answer from the next window on."""
        rows = self.history.learnable(policy.start(now), now)
        entry: dict[str, Any] = {"at": to_ms(now), "trigger": trigger, "reason": reason}
        entry |= {"rows": len(rows), "promoted": False, "message": ""}
        self.progress((index + 1) / len(self.history.windows), f"training at {now:%Y-%m-%d}")
        began = time.process_time()
        try:
            fit = self._fit(policy, rows)
            values = self._compare(fit, rows)
        except Invalid as refusal:  # such as labels of one class: as a job that fails
            entry["message"] = str(refusal)
            values = {}
        entry |= {"cpu_seconds": time.process_time() - began, **values}
        self.retrainings.append(entry)
        self.trained_at, self.judged_from = now, index + 1
        champion, challenger = values.get("champion"), values.get("challenger")
        if champion is not None and challenger is not None and self._better(challenger, champion):
            entry["promoted"] = True
            self.champion = self._trained(fit, now, index + 1)
            self.judged, self.is_firing = {}, False

    def _better(self, challenger: float, champion: float) -> bool:
        metric: TaskMetric | None = metric_of(task_of(self.champion.signature), self.metric)
        higher = metric is None or metric.direction != "lower"
        return challenger > champion if higher else challenger < champion

    def _fit(self, policy: RetrainingPolicy, rows: Integers) -> FittedModel:
        from pilothouse.training.fitted_model import fit_model
        from pilothouse.training.training_data import build, table_of_frame

        signature = self.history.first.signature
        columns = [*signature.names, signature.target, EVENT_TIME]
        frame = self.history.frame.iloc[rows][columns].reset_index(drop=True)
        spec = replace(
            champion_spec(self.store, self.history.first),
            dataset="history",
            features=tuple(signature.names),
            groups=None,
            split="time",
            evaluation=HELD_OUT,
            time_column=EVENT_TIME,
            test_share=newest_share(frame[EVENT_TIME], policy.held_out_days),
            half_life_days=policy.half_life_days,
            trials=0,
        )
        data = build(table_of_frame("history", frame, EVENT_TIME), spec)
        return fit_model(data, dict(spec.checked().params), lambda _phase: None)

    def _compare(self, fit: FittedModel, rows: Integers) -> dict[str, float | None]:
        """Both on the newest rows, which the new model was not fitted on."""
        from pilothouse.training.answers import output_columns

        test = fit.data.origin[fit.data.split.test]
        task = fit.data.task
        own = task.compute_metrics(fit.signature, output_columns(fit.signature, fit.raw), fit.truth)
        return {
            "challenger": own.get(self.metric),
            "champion": self._metric(self.champion, rows[test]),
        }

    def _trained(self, fit: FittedModel, now: datetime, since: int) -> Champion:
        import pandas as pd

        from pilothouse.monitoring.reference_profile import profile_reference
        from pilothouse.training.answers import output_columns
        from pilothouse.training.candidate import held_out_file

        names = list(fit.data.columns.names)
        held_out = held_out_file(fit, output_columns(fit.signature, fit.raw))
        reference = profile_reference(pd.read_parquet(io.BytesIO(held_out)), fit.signature)

        def outputs(rows: slice | Integers) -> Outputs:
            return fit.answer(self.history.frame.iloc[rows][names])

        title = f"trained {now:%Y-%m-%d}"
        return Champion(title, fit.signature, reference, outputs, self._truth(fit.signature), since)


def _verdict(status: str) -> Verdict:
    if status == FAIL:
        return "breach"
    return "unknown" if status in (*NOT_EVALUATED, INSUFFICIENT) else "clear"
