"""Executors of a Spark cluster run the parts of a job, through joblibspark."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any

from pilothouse.jobs.backends import PartRunner, backends
from pilothouse.jobs.spark_cluster import SparkCluster

EXECUTOR_SECONDS = 30.0  # that a cluster may take to start the first executor


class Spark:
    """A Spark cluster, by its master."""

    title = "Spark"
    description = "Executors of a Spark cluster run fits and blocks of rows; Java is needed."
    needs, extra, setting = "joblibspark", "spark", "spark_address"

    @staticmethod
    def connect(address: str) -> PartRunner:
        """A runner on the executors."""
        from pilothouse.jobs.joblib_runner import JoblibRunner

        return JoblibRunner(SparkParts(address))


class SparkParts:
    """One Spark session, as `joblib_runner.PartCluster`.

    joblibspark runs each part as a Spark job; its answers are futures here, because it does not
    report to joblib what joblib needs to give results in order.
    """

    title = "Spark"

    def __init__(self, address: str) -> None:
        self._cluster = SparkCluster(address)
        self._context = self._cluster.connected().sparkContext
        self._context.setLogLevel("ERROR")
        from joblibspark.backend import SparkDistributedBackend
        from py4j.protocol import Py4JError

        self.lost: tuple[type[BaseException], ...] = (Py4JError,)
        self._jobs = SparkDistributedBackend()
        self._await_executors()
        self._jobs.configure(n_jobs=-1)
        self._cancelled = True

    def _await_executors(self) -> None:
        end = time.monotonic() + EXECUTOR_SECONDS
        while not self.slots() and time.monotonic() < end:
            time.sleep(0.2)

    def installed(self, probe: Callable[[], dict[str, str]]) -> dict[str, dict[str, str]]:
        """What `probe` says in a Python process of the executors, by host."""
        count = max(1, self.slots())
        hosts = self._context.parallelize(range(count), count)
        return dict(hosts.map(partial(_host_and_answer, probe)).collect())

    def slots(self) -> int:
        """How many parts run at a time: the cores of all executors."""
        return int(self._jobs.effective_n_jobs(-1))

    def ship(self, data: Any) -> Any:
        """Broadcast data, once an executor; what stands for it in calls."""
        return self._context.broadcast(data)

    def drop(self, handle: Any) -> None:
        """Forget shipped data."""
        handle.unpersist()

    def submit(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        """The future result of a call; handles among `args` become their data."""
        if self._cancelled:
            self._jobs.start_call()
            self._cancelled = False
        future: Future[Any] = Future()
        self._jobs.apply_async(partial(_with_values, function, args), partial(_settle, future))
        return future

    def cancel(self, future: Future[Any]) -> None:
        """End all calls: joblibspark gives them one group."""
        if not self._cancelled:
            self._cancelled = True
            self._jobs.terminate()

    def close(self) -> None:
        """End what runs, and the session."""
        self._cluster.close()


def _with_values(function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    from pyspark import Broadcast

    return function(*(arg.value if isinstance(arg, Broadcast) else arg for arg in args))


def _settle(future: Future[Any], out: Any) -> None:
    """Give a future what joblibspark has caught or computed."""
    from joblib._utils import _retrieve_traceback_capturing_wrapped_call

    try:
        result = _retrieve_traceback_capturing_wrapped_call(out)
    except BaseException as error:  # it is raised where the future's result is taken
        future.set_exception(error)
    else:
        future.set_result(result)


def _host_and_answer(probe: Callable[[], dict[str, str]], _: int) -> tuple[str, dict[str, str]]:
    import socket

    return socket.gethostname(), probe()


backends.register("spark")(Spark())
