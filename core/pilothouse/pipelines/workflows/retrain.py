"""Retrain on the labelled window and propose the new version to a person."""

from __future__ import annotations

from typing import Any

from pilothouse.activity.actors import RETRAINING
from pilothouse.jobs import JobContext, workflows
from pilothouse.pipelines.cleanup import closing_runs

PLACE = "pilothouse.pipelines.retraining"


@workflows.register("retrain")
def retrain(
    job: JobContext,
    deployment: str,
    reason: str = "",
    weeks: int = 8,
    until_ms: int | None = None,
) -> dict[str, Any]:
    """Snapshot, check, train, compare on the newest rows, register and propose; never promote."""
    job = job.acting_as(RETRAINING)
    with closing_runs(job):
        return _retrain(job, deployment, reason, weeks, until_ms)


def _retrain(
    job: JobContext, deployment: str, reason: str, weeks: int, until_ms: int | None
) -> dict[str, Any]:
    job.span(0.0, 0.15)
    snapshot = job.compute(
        "snapshot the labelled window",
        f"{PLACE}:snapshot",
        deployment=deployment,
        weeks=weeks,
        until_ms=until_ms,
    )
    job.span(0.15, 0.25)
    job.compute("check its contract", f"{PLACE}:check_contract", **snapshot["contract"])
    job.span(0.25, 0.75)
    trained = job.compute(
        "train", "pilothouse.training.fit:train_job", spec=snapshot["spec"], job_id=job.id
    )
    job.span(0.75, 0.9)
    compared = job.compute(
        "compare with the champion",
        f"{PLACE}:compare",
        run=trained["run"],
        model=snapshot["model"],
        champion=snapshot["champion"],
    )
    job.span(0.9, 1.0)
    proposal = job.compute(
        "register and propose",
        f"{PLACE}:propose",
        run=trained["run"],
        model=snapshot["model"],
        champion=snapshot["champion"],
        compared=compared,
        reason=reason,
    )
    return {"dataset": snapshot["dataset"], "run": trained["run"], **compared, **proposal}
