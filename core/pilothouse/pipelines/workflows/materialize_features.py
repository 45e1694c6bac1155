"""Bring the newest values of a feature store into its online store."""

from __future__ import annotations

from typing import Any

from pilothouse.features.materialization import materialize_job
from pilothouse.jobs import JobContext, workflows
from pilothouse.kit.parameters import Parameter


@workflows.register("materialize_features")
class MaterializeFeaturesWorkflow:
    """A materialization, asked for or by a clock."""

    title = "Materialization of features"
    description = (
        "Has a feature store bring the values up to now into its online store, from where each "
        "view ended last; until when each view is online is the result."
    )
    parameters = (
        Parameter("name", "text", required=True, help="A feature store of this workspace."),
        Parameter("views", "list", help="Names of views; all that are online without one."),
        Parameter(
            "hours",
            "number",
            low=0.01,
            help="Materialize the last so many hours, in the place of what is new.",
        ),
    )

    @staticmethod
    def run(
        job: JobContext, name: str, views: list[str] | None = None, hours: float | None = None
    ) -> dict[str, Any]:
        """One step; done twice, it brings the same values."""
        return job.compute(
            "materialize", materialize_job, name=name, views=views or [], hours=hours
        )
