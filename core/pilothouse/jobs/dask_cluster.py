"""Heavy work on a Dask cluster: the same functions as in child processes, on its workers.

Each Dask worker needs Pilothouse as it is installed here, and the workspace: its folder under the
same path, and a database that several machines may write to. Memory is bounded by Dask itself.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from pilothouse.jobs.cluster_connection import ClusterConnection
from pilothouse.jobs.executor import Interrupted, run_call
from pilothouse.kit.errors import Unavailable
from pilothouse.storage import Store

CONNECT_SECONDS = 10.0
WAIT_SECONDS = 0.5
LOST = "cancelled"  # state of a task on a worker whose result nobody waits for any more


class DaskCluster(ClusterConnection):
    """The workers of one scheduler.

    A task that nobody waits for any more ends at its next report of progress.
    """

    def compute(
        self,
        store: Store,
        job_id: str,
        target: str,
        span: tuple[float, float],
        args: dict[str, Any],
    ) -> Any:
        """Run `target` on a Dask worker and return its plain result.

        Raises Unavailable when the scheduler is not reached, or the workers that ran it died.
        """
        from distributed import CancelledError, KilledWorker

        self.raise_if_closed()
        call = (store.settings.model_dump_json(), store.actor, job_id, target, span, args)
        future = self.connected().submit(run_on_dask_worker, *call, pure=False)
        try:
            while not future.done():
                self.raise_if_closed()
                with suppress(TimeoutError):
                    return future.result(timeout=WAIT_SECONDS)
            return future.result()
        except (KilledWorker, CancelledError) as lost:
            self.raise_if_closed()
            raise Unavailable(
                f"the Dask workers that ran {target} were lost.",
                hint="Most often memory ran out, or the scheduler ended: see its logs, and retry.",
            ) from lost
        finally:
            future.release()

    def _connect(self, address: str) -> Any:
        try:
            from distributed import Client
        except ImportError as missing:
            raise Unavailable(
                "Dask is not installed, and PILOTHOUSE_DASK_ADDRESS names a scheduler.",
                hint="Install it (`pip install 'pilothouse[dask]'`), or leave the address empty.",
            ) from missing
        try:
            return Client(  # type: ignore[no-untyped-call]
                address, timeout=CONNECT_SECONDS, set_as_default=False
            )
        except (OSError, ValueError) as refused:
            raise Unavailable(
                f"the Dask scheduler at {address} is not reached: {refused}.",
                hint="Start it, or leave PILOTHOUSE_DASK_ADDRESS empty to compute on this machine.",
            ) from refused

    def _disconnect(self, client: Any) -> None:
        client.close(timeout=WAIT_SECONDS)


def run_on_dask_worker(
    settings: str,
    actor: str,
    job_id: str,
    target: str,
    span: tuple[float, float],
    args: dict[str, Any],
) -> Any:
    """Run one call in a thread of a Dask worker.

    Dask cannot end a thread. When the worker of Pilothouse died, its next one repeats the step, so
    this attempt ends at its next report of progress.
    """
    from distributed import get_worker

    worker = get_worker()
    key = worker.get_current_task()

    def raise_if_lost() -> None:
        task = worker.state.tasks.get(key)
        if task is None or task.state == LOST:
            raise Interrupted

    return run_call(settings, actor, job_id, target, span, args, raise_if_lost)
