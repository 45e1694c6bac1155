"""Tasks of a Ray cluster run the parts of a job."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

from pilothouse.jobs.backends import PartRunner, backends
from pilothouse.jobs.ray_cluster import RayCluster


class Ray:
    """Any Ray cluster, by its address."""

    title = "Ray"
    description = "Tasks of a Ray cluster, one CPU each, run fits and blocks of rows."
    needs, extra, setting = "ray", "ray", "ray_address"

    @staticmethod
    def connect(address: str) -> PartRunner:
        """A runner by tasks of the cluster."""
        from pilothouse.jobs.joblib_runner import JoblibRunner

        return JoblibRunner(RayParts(address))


class RayParts:
    """One cluster, as `joblib_runner.PartCluster`.

    Ray's own backend of joblib runs everything in one process when it is used in a child process of
    loky, as jobs are, so the parts are tasks.
    """

    title = "Ray"

    def __init__(self, address: str) -> None:
        self._cluster = RayCluster(address)
        self._ray = self._cluster.connected()
        from ray.exceptions import RayError

        self.lost: tuple[type[BaseException], ...] = (RayError,)
        self._references: dict[Any, Any] = {}

    def installed(self, probe: Callable[[], dict[str, str]]) -> dict[str, dict[str, str]]:
        """What `probe` says on each node."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        answers = {}
        for node in self._ray.nodes():
            if node["Alive"]:
                there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
                task = self._ray.remote(num_cpus=0, max_retries=0, scheduling_strategy=there)
                answers[node["NodeManagerAddress"]] = task(probe).remote()
        return dict(zip(answers, self._ray.get(list(answers.values())), strict=True))

    def slots(self) -> int:
        """How many parts run at a time: the CPUs of all nodes."""
        return int(self._ray.cluster_resources().get("CPU", 0))

    def ship(self, data: Any) -> Any:
        """Put data into the object store, once a node; what stands for it in calls."""
        return self._ray.put(data)

    def drop(self, handle: Any) -> None:
        """Shipped data is freed when nothing stands for it any more."""

    def submit(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        """The future result of a task; handles among `args` become their data."""
        reference = self._ray.remote(num_cpus=1, max_retries=0)(function).remote(*args)
        future: Future[Any] = reference.future()
        self._references[future] = reference
        future.add_done_callback(lambda done: self._references.pop(done, None))
        return future

    def cancel(self, future: Future[Any]) -> None:
        """End a task at once."""
        from ray.exceptions import RayError

        reference = self._references.pop(future, None)
        if reference is not None:
            with suppress(RayError, ValueError):
                self._ray.cancel(reference, force=True)

    def close(self) -> None:
        """End what runs, and the connection."""
        self._cluster.close()


backends.register("ray")(Ray())
