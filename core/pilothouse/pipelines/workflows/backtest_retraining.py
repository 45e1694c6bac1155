"""Replay a deployment's labelled history under several retraining policies."""

from __future__ import annotations

from typing import Any

from pilothouse.activity.actors import RETRAINING
from pilothouse.jobs import JobContext, workflows
from pilothouse.kit.parameters import Parameter
from pilothouse.pipelines.backtest_replay import replay_policy
from pilothouse.pipelines.backtest_results import NEVER, summarise

REPLAYED = 0.98


@workflows.register("backtest_retraining")
class BacktestRetrainingWorkflow:
    """A backtest, asked for by a person; each policy is a step."""

    title = "Backtest of retraining"
    description = (
        "Replays the labelled history of a deployment window by window under each policy, with the "
        "labels that were known at each moment; it registers and promotes nothing."
    )
    parameters = (
        Parameter("deployment", "text", required=True, help="The deployment's name."),
        Parameter("policies", "object", required=True, help="Settings of each policy by its name."),
    )

    @staticmethod
    def run(job: JobContext, deployment: str, policies: dict[str, Any]) -> dict[str, Any]:
        """Never retraining comes first: every gain is over it."""
        job = job.acting_as(RETRAINING)
        replayed: list[tuple[str, Any]] = [(NEVER, None), *policies.items()]
        results = []
        for number, (name, policy) in enumerate(replayed):
            share = REPLAYED / len(replayed)
            job.span(number * share, (number + 1) * share)
            results.append(
                job.compute(
                    f"replay {name}",
                    replay_policy,
                    deployment=deployment,
                    name=name,
                    policy=policy,
                )
            )
        job.span(REPLAYED, 1.0)
        return job.compute(
            "compare the policies", summarise, deployment=deployment, results=results
        )
