"""Heavy work on a Ray cluster: the same functions as in child processes, as its tasks.

Each node needs Pilothouse as it is installed here, and the workspace: its folder under the same
path, and a database that several machines may write to. A task has one CPU and is not repeated by
Ray: the worker of Pilothouse repeats a step. Ray ends the tasks of a worker that died.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from pilothouse.jobs.cluster_connection import ClusterConnection
from pilothouse.jobs.executor import run_call
from pilothouse.kit.errors import Unavailable
from pilothouse.storage import Store

WAIT_SECONDS = 0.5
NAMESPACE = "pilothouse"


class RayCluster(ClusterConnection):
    """The nodes behind one address; when it is closed, the tasks that run end at once."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self._running: set[Any] = set()

    def compute(
        self,
        store: Store,
        job_id: str,
        target: str,
        span: tuple[float, float],
        args: dict[str, Any],
    ) -> Any:
        """Run `target` as a task of the cluster and return its plain result.

        Raises Unavailable when the cluster is not reached, or the process that ran it died.
        """
        self.raise_if_closed()
        ray = self.connected()
        from ray.exceptions import RayError, RayTaskError

        call = (store.settings.model_dump_json(), store.actor, job_id, target, span, args)
        task = ray.remote(num_cpus=1, max_retries=0)(run_call).remote(*call)
        self._running.add(task)
        try:
            while not ray.wait([task], timeout=WAIT_SECONDS)[0]:
                self.raise_if_closed()
            return ray.get(task)
        except RayTaskError as failed:
            cause: BaseException = failed.cause
            raise cause from None
        except RayError as lost:
            self.raise_if_closed()
            raise Unavailable(
                f"the Ray process that ran {target} was lost.",
                hint="Most often memory ran out, or a node ended: see Ray's logs, and retry.",
            ) from lost
        finally:
            self._running.discard(task)

    def _connect(self, address: str) -> Any:
        try:
            import ray
        except ImportError as missing:
            raise Unavailable(
                "Ray is not installed, and PILOTHOUSE_RAY_ADDRESS names a cluster.",
                hint="Install it (`pip install 'pilothouse[ray]'`), or leave the address empty.",
            ) from missing
        try:
            ray.init(
                address=address,
                namespace=NAMESPACE,
                log_to_driver=False,
                configure_logging=False,
                ignore_reinit_error=True,
            )
        except (OSError, ValueError, RuntimeError) as refused:
            raise Unavailable(
                f"the Ray cluster at {address} is not reached: {str(refused).splitlines()[0]}.",
                hint="Start it, or leave PILOTHOUSE_RAY_ADDRESS empty to compute on this machine.",
            ) from refused
        return ray

    def _disconnect(self, client: Any) -> None:
        from ray.exceptions import RayError

        for task in list(self._running):
            with suppress(RayError, ValueError):
                client.cancel(task, force=True)
        client.shutdown()
