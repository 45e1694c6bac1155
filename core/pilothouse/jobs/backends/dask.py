"""The workers of a Dask scheduler run the parts of a job."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from pilothouse.jobs.backends import PartRunner, backends
from pilothouse.jobs.dask_cluster import DaskCluster


class Dask:
    """Any Dask cluster, by the address of its scheduler."""

    title = "Dask"
    description = "The workers of a Dask scheduler run fits and blocks of rows."
    needs, extra, setting = "distributed", "dask", "dask_address"

    @staticmethod
    def connect(address: str) -> PartRunner:
        """A runner on the scheduler's workers."""
        from pilothouse.jobs.joblib_runner import JoblibRunner

        return JoblibRunner(DaskParts(address))


class DaskParts:
    """One scheduler, as `joblib_runner.PartCluster`."""

    title = "Dask"

    def __init__(self, address: str) -> None:
        from distributed import CancelledError, KilledWorker

        self.lost: tuple[type[BaseException], ...] = (KilledWorker, CancelledError)
        self._cluster = DaskCluster(address)
        self._client = self._cluster.connected()

    def installed(self, probe: Callable[[], dict[str, str]]) -> dict[str, dict[str, str]]:
        """What `probe` says on each worker."""
        result: dict[str, dict[str, str]] = self._client.run(probe)
        return result

    def slots(self) -> int:
        """How many parts run at a time: the threads of all workers."""
        return sum(self._client.ncores().values())

    def ship(self, data: Any) -> Any:
        """Send data to every worker, once; what stands for it in calls."""
        [handle] = self._client.scatter([data], broadcast=True, hash=False)
        return handle

    def drop(self, handle: Any) -> None:
        """Forget shipped data."""
        handle.release()

    def submit(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        """The future result of a call on some worker; handles among `args` become their data."""
        future: Future[Any] = self._client.submit(function, *args, pure=False)
        return future

    def cancel(self, future: Any) -> None:
        """Do not start a call that waits; Dask cannot end one that runs."""
        future.cancel()

    def close(self) -> None:
        """End the connection."""
        self._cluster.close()


backends.register("dask")(Dask())
