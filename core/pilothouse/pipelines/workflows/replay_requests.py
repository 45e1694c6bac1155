"""Answer the recorded requests of a deployment by another version."""

from __future__ import annotations

from typing import Any

from pilothouse.deployments.replay.replay_api import REPLAY_REQUESTS
from pilothouse.deployments.replay.replayed_requests import replay_requests
from pilothouse.jobs import JobContext, workflows
from pilothouse.kit.parameters import Parameter


@workflows.register(REPLAY_REQUESTS)
class ReplayRequestsWorkflow:
    """What another version would have answered, and what changes by it."""

    title = "Replay of requests"
    description = (
        "Answers the recorded requests of a deployment by another version, in a model process of "
        "its own, and compares the answers with those that were given."
    )
    parameters = (
        Parameter("deployment", "text", required=True, help="The deployment's name."),
        Parameter("model", "text", required=True, help="The model's name."),
        Parameter("version", "integer", required=True, help="The version that answers."),
        Parameter("limit", "integer", 1_000, 1, 20_000, help="At most so many of the last rows."),
        Parameter("start", "text", "", help="From this event time on, in ISO 8601."),
        Parameter("end", "text", "", help="Before this event time."),
    )

    @staticmethod
    def run(
        job: JobContext,
        deployment: str,
        model: str,
        version: int,
        limit: int = 1_000,
        start: str = "",
        end: str = "",
    ) -> dict[str, Any]:
        """One step; the comparison is its result."""
        return job.compute(
            "replay",
            replay_requests,
            deployment=deployment,
            model=model,
            version=version,
            limit=limit,
            start=start,
            end=end,
        )
