"""Parts of a job on a cluster, through joblib: in order, with progress, bounded, and cancellable.

joblib keeps no more parts on the way than twice what the cluster runs at a time. A part's error is
a value until it is here again, because clusters repeat what raises, or lose the error's type.
"""

from __future__ import annotations

import platform
import threading
import traceback
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Protocol

from joblib import Parallel, delayed
from joblib._parallel_backends import ParallelBackendBase, SequentialBackend

from pilothouse.kit.errors import PilothouseError, Unavailable

WAIT_SECONDS = 0.3
PACKAGES = (
    "pilothouse",
    "numpy",
    "pandas",
    "scikit-learn",
    "joblib",
    "lightgbm",
    "xgboost",
    "xgboost-cpu",
)
HINT = "Install the same versions there as here, or choose another place for the work."
_shared = threading.local()


class PartCluster(Protocol):
    """An open connection to a cluster."""

    @property
    def title(self) -> str:
        """Its name for people."""
        ...

    @property
    def lost(self) -> tuple[type[BaseException], ...]:
        """The errors of its library that say that what ran a part is gone."""
        ...

    def installed(self, probe: Callable[[], dict[str, str]], /) -> dict[str, dict[str, str]]:
        """What `probe` says on each worker, by the worker's name."""
        ...

    def slots(self) -> int:
        """How many parts run at a time."""
        ...

    def ship(self, data: Any, /) -> Any:
        """Send data once; what stands for it among the arguments of `submit`."""
        ...

    def drop(self, handle: Any, /) -> None:
        """Forget shipped data."""
        ...

    def submit(self, function: Callable[..., Any], /, *args: Any) -> Future[Any]:
        """The future result of a call."""
        ...

    def cancel(self, future: Any, /) -> None:
        """Give a call up."""
        ...

    def close(self) -> None:
        """End the connection."""
        ...


class JoblibRunner:
    """Runs parts on one cluster; the data that was shipped last stays there for the next parts."""

    def __init__(self, cluster: PartCluster) -> None:
        self._cluster = cluster
        self._data: Any = None
        self._handle: Any = None
        try:
            self._check_workers()
        except BaseException:
            cluster.close()
            raise

    @property
    def where(self) -> str:
        """The cluster's name."""
        return self._cluster.title

    def map(
        self,
        function: Callable[..., Any],
        data: Any,
        calls: Iterable[tuple[Any, ...]],
        check: Callable[[], None] = lambda: None,
    ) -> Generator[Any]:
        """As `backends.PartRunner` says."""
        with self._naming_losses():
            backend = ClusterBackend(self._cluster, self._shipped(data))
            parallel = Parallel(
                n_jobs=-1,
                backend=backend,
                batch_size=1,
                pre_dispatch="2*n_jobs",
                return_as="generator",
            )
            results = parallel(delayed(_call)(function, call) for call in backend.counted(calls))
            try:
                while backend.has_arrived(check):
                    yield next(results)
            finally:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # joblib's, of parts that are given up
                    results.close()

    def close(self) -> None:
        """Give up what runs, and the connection."""
        self._cluster.close()

    def _shipped(self, data: Any) -> Any:
        """What stands for data on the cluster; what was shipped before it is forgotten there."""
        if data is None:
            return None
        if data is not self._data:
            if self._data is not None:
                self._cluster.drop(self._handle)
            self._data, self._handle = data, self._cluster.ship(data)
        return self._handle

    def _check_workers(self) -> None:
        """Raise Unavailable without workers, or when their packages are not those of here."""
        with self._naming_losses():
            workers = self._cluster.installed(installed)
        if not workers or not self._cluster.slots():
            raise Unavailable(
                f"the {self.where} cluster has no workers.",
                hint="Start some at its address, and retry the job.",
            )
        for worker, versions in workers.items():
            check_versions(versions, f"the {self.where} worker {worker}")

    @contextmanager
    def _naming_losses(self) -> Iterator[None]:
        """Raise Unavailable, with what to do, for the errors of a cluster's own library."""
        try:
            yield
        except ModuleNotFoundError as missing:
            raise Unavailable(
                f"the {self.where} workers lack the package {missing.name}.", hint=HINT
            ) from missing
        except self._cluster.lost as lost:
            first = next(iter(str(lost).splitlines()), type(lost).__name__)
            raise Unavailable(
                f"the {self.where} workers that ran the work were lost: {first}",
                hint="Most often memory ran out, or a machine ended: see the cluster's logs, and "
                "retry the job.",
            ) from lost


class ClusterBackend(ParallelBackendBase):  # type: ignore[misc]  # joblib has no types
    """joblib's view of a cluster: what it submits, and what has arrived in which order."""

    supports_retrieve_callback = True

    def __init__(self, cluster: PartCluster, handle: Any) -> None:
        super().__init__(nesting_level=0)
        self._cluster = cluster
        self._handle = handle
        self._changed = threading.Condition()
        self._open: dict[int, Any] = {}  # by number: the futures that have not arrived
        self._sent = self._taken = 0
        self._total: int | None = None
        self._failed = False

    def counted(self, calls: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
        """The calls, whose number is known once joblib has drawn the last one."""
        total = 0
        for call in calls:
            total += 1
            yield call
        with self._changed:
            self._total = total
            self._changed.notify_all()

    def has_arrived(self, check: Callable[[], None]) -> bool:
        """Wait for the next result in order; False when all were taken. `check` may raise."""
        number = self._taken
        self._taken += 1
        while True:
            with self._changed:
                if self._total is not None and number >= self._total:
                    return False
                if self._failed or (number < self._sent and number not in self._open):
                    return True
                self._changed.wait(WAIT_SECONDS)
            check()

    def effective_n_jobs(self, n_jobs: int) -> int:
        """How many parts run at a time; at least 2, because joblib would run 1 by itself."""
        return max(2, self._cluster.slots())

    def submit(self, func: Callable[..., Any], callback: Callable[[Any], None]) -> Any:
        """Send one part; `callback` is called with its future when it has ended."""
        with self._changed:
            number = self._sent
            self._sent += 1
            future = self._open[number] = self._submitted(func)

        def arrived(ended: Any) -> None:
            try:
                callback(ended)
            finally:
                with self._changed:
                    self._open.pop(number, None)
                    self._changed.notify_all()

        future.add_done_callback(arrived)
        return future

    def _submitted(self, part: Callable[..., Any]) -> Any:
        try:
            return self._cluster.submit(run_part, part, self._handle, installed())
        except Exception as refused:  # joblib would lose it: it may be in a thread of its own
            future: Future[Any] = Future()
            future.set_exception(refused)
            return future

    apply_async = submit

    def retrieve_result_callback(self, out: Any) -> Any:
        """The result of a part. Raises its error."""
        try:
            result = out.result()
            if isinstance(result, PartError):
                raise result.error
        except BaseException:
            self._failed = True
            raise
        return result

    def abort_everything(self, ensure_ready: bool = True) -> None:
        """Give up the parts that have not ended."""
        with self._changed:
            left = list(self._open.values())
            self._open.clear()
        for future in left:
            self._cluster.cancel(future)

    def get_nested_backend(self) -> tuple[Any, int | None]:
        """A part does not divide itself further."""
        return SequentialBackend(nesting_level=1), None


@dataclass(frozen=True)
class PartError:
    """The error of a part."""

    error: BaseException


def run_part(part: Callable[[], Any], data: Any, versions: dict[str, str]) -> Any:
    """Run a part on a worker, with one thread of its libraries as in a child process here."""
    from threadpoolctl import threadpool_limits

    _shared.data = data
    try:
        check_versions(versions, "the process that gave this work")
        with threadpool_limits(limits=1):
            return part()
    except Exception as error:  # it is raised again where the result is taken
        if not isinstance(error, PilothouseError):
            error.add_note(f"On the cluster: {traceback.format_exc()}")
        return PartError(error)
    finally:
        _shared.data = None


def _call(function: Callable[..., Any], call: tuple[Any, ...]) -> Any:
    return function(_shared.data, *call)


def installed() -> dict[str, str]:
    """The versions here of what results depend on."""
    return _versions()


@cache
def _versions() -> dict[str, str]:
    versions = {"Python": platform.python_version()}
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            versions[package] = version(package)
    return versions


def check_versions(versions: Mapping[str, str], who: str) -> None:
    """Raise Unavailable when another process has other versions: its results may differ."""
    differing = [
        f"{name} {versions.get(name, 'is missing')} (here {own})"
        for name, own in installed().items()
        if versions.get(name) != own
    ]
    if differing:
        raise Unavailable(f"{who} has {', '.join(differing)}.", hint=HINT)
