"""Which executor runs the heavy work of jobs: a cluster that the settings name, or children."""

from __future__ import annotations

from typing import Any

from pilothouse.jobs.executor import Executor
from pilothouse.jobs.process_pool import ChildProcesses
from pilothouse.kit.errors import Invalid
from pilothouse.kit.settings import Settings
from pilothouse.storage import Store


def open_executor(settings: Settings) -> Executor:
    """Child processes; with a cluster and no `spread`, the cluster for whole jobs.

    Raises Invalid when two clusters would take whole jobs.
    """
    children = ChildProcesses(settings.compute_processes)
    if settings.spread or not (settings.dask_address or settings.ray_address):
        return children
    if settings.dask_address and settings.ray_address:
        raise Invalid(
            "PILOTHOUSE_DASK_ADDRESS and PILOTHOUSE_RAY_ADDRESS are both set.",
            hint="Leave one of them empty, or set PILOTHOUSE_SPREAD: whole jobs run in one place.",
        )
    if settings.ray_address:
        from pilothouse.jobs.ray_cluster import RayCluster

        return WholeJobs(RayCluster(settings.ray_address), children)
    from pilothouse.jobs.dask_cluster import DaskCluster

    return WholeJobs(DaskCluster(settings.dask_address), children)


class WholeJobs:
    """Whole jobs on a cluster; a job that spreads its parts is coordinated by a child process."""

    def __init__(self, cluster: Executor, children: Executor) -> None:
        self.cluster = cluster
        self._children = children

    @property
    def closed(self) -> bool:
        """Whether it runs nothing any more."""
        return self.cluster.closed

    def compute(
        self,
        store: Store,
        job_id: str,
        target: str,
        span: tuple[float, float],
        args: dict[str, Any],
    ) -> Any:
        """Run `target` where the job's work belongs; as `Executor.compute` says."""
        chosen = self._children if store.settings.spread else self.cluster
        return chosen.compute(store, job_id, target, span, args)

    def raise_if_closed(self) -> None:
        """Raise Interrupted once this is closed."""
        self.cluster.raise_if_closed()

    def close(self) -> None:
        """End the work at once, in both places."""
        self._children.close()
        self.cluster.close()
