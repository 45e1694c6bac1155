"""Where the parts of a job run: fits of a search, of folds, blocks of rows; one module a backend.

A job is coordinated by one process, which reads the data and writes the results. Its parts are pure
functions of data that is shipped once and of small arguments, so they run anywhere with equal
results. See docs/jobs.md.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol

from pilothouse.kit.errors import Invalid
from pilothouse.kit.optional_packages import how_to_install, is_installed, require_package
from pilothouse.kit.plugins import Plugins
from pilothouse.kit.settings import Settings
from pilothouse.storage import Store

HERE = "this_machine"


class PartRunner(Protocol):
    """Runs the parts of a job, and gives their results in order."""

    @property
    def where(self) -> str:
        """Where they run, for messages: "Dask"; empty for this process."""
        ...

    def map(
        self,
        function: Callable[..., Any],
        data: Any,
        calls: Iterable[tuple[Any, ...]],
        check: Callable[[], None] = lambda: None,
    ) -> Generator[Any]:
        """`function(data, *call)` of each call, in order.

        A function at the top of a module; `data` crosses once, calls and results each time. While
        one waits for a result `check` is called, which may raise. Errors come through. Raises
        Unavailable when what runs the parts is lost.
        """
        ...

    def close(self) -> None:
        """Give up what runs, and the connection."""
        ...


class ComputeBackend(Protocol):
    """A kind of place where the parts of a job run."""

    @property
    def title(self) -> str:
        """Its name for people."""
        ...

    @property
    def description(self) -> str:
        """What it is and what it needs, in a sentence."""
        ...

    @property
    def needs(self) -> str:
        """The package that it imports, by its import name; "" for none."""
        ...

    @property
    def extra(self) -> str:
        """The extra of Pilothouse that installs that package."""
        ...

    @property
    def setting(self) -> str:
        """The setting that holds its address; "" when it has none."""
        ...

    def connect(self, address: str) -> PartRunner:
        """A runner of parts. Raises Unavailable when nothing answers at the address."""
        ...


backends: Plugins[ComputeBackend] = Plugins("pilothouse.jobs.backends", "backend")


def address_of(backend: ComputeBackend, settings: Settings) -> str:
    """The address that the settings give a backend; "" when they give none."""
    return str(getattr(settings, backend.setting)) if backend.setting else ""


def require_backend(name: str, settings: Settings) -> ComputeBackend:
    """The backend of that name, ready to connect; "" is this machine.

    Raises NotFound, Invalid while its address is not set, Unavailable without its package.
    """
    backend = backends.get(name or HERE)
    if backend.setting and not address_of(backend, settings):
        variable = f"PILOTHOUSE_{backend.setting.upper()}"
        raise Invalid(
            f"work cannot be spread over {backend.title}: it has no address.",
            hint=f"Set {variable} for every process of Pilothouse, or choose this machine.",
            fields={"spread": f"needs {variable}"},
        )
    require_package(backend)
    return backend


@dataclass(frozen=True)
class BackendInfo:
    """A backend as a person chooses it; `lacks` says what to do before it can be chosen."""

    name: str
    title: str
    description: str
    address: str
    is_default: bool
    lacks: str

    @property
    def is_ready(self) -> bool:
        """Whether it can be chosen."""
        return not self.lacks


def describe_backends(settings: Settings) -> list[BackendInfo]:
    """Every backend, this machine first. An address shows no user and no password.

    Where whole jobs run on a cluster, that is the first and has the empty name.
    """
    whole = _whole_jobs(settings)
    infos = [
        BackendInfo(
            name,
            backend.title,
            backend.description,
            hidden_password(address_of(backend, settings)),
            not whole and name == (settings.spread or HERE),
            _lacks(backend, settings),
        )
        for name, backend in backends.items()
    ]
    return whole + sorted(infos, key=lambda info: info.name != HERE)


def _whole_jobs(settings: Settings) -> list[BackendInfo]:
    if settings.spread or not (settings.dask_address or settings.ray_address):
        return []
    backend = backends.get("ray" if settings.ray_address else "dask")
    return [
        BackendInfo(
            "",
            f"{backend.title}, as one task",
            "A whole job is one task of the cluster.",
            hidden_password(address_of(backend, settings)),
            is_default=True,
            lacks=_lacks(backend, settings),
        )
    ]


def _lacks(backend: ComputeBackend, settings: Settings) -> str:
    steps = [] if is_installed(backend) else [how_to_install(backend)]
    if backend.setting and not address_of(backend, settings):
        steps.append(f"set PILOTHOUSE_{backend.setting.upper()}")
    return ", and ".join(steps)


def hidden_password(address: str) -> str:
    """An address without the user and the password that it may hold."""
    scheme, mark, rest = address.rpartition("://")
    return f"{scheme}{mark}{rest.rpartition('@')[2]}"


def spread_argument(name: str, settings: Settings) -> dict[str, str]:
    """The argument of a job whose parts run on a backend; none for "", which is the settings'.

    Raises what `require_backend` raises.
    """
    require_backend(name or settings.spread, settings)
    return {"spread": name} if name else {}


def spread_over(store: Store, name: str) -> Store:
    """The same store, for work whose parts run on a backend; "" changes nothing."""
    if not name:
        return store
    return replace(store, settings=store.settings.model_copy(update={"spread": name}))


@contextmanager
def part_runner(settings: Settings) -> Iterator[PartRunner]:
    """The runner of parts that the settings name, for the block."""
    backend = require_backend(settings.spread, settings)
    runner = backend.connect(address_of(backend, settings))
    try:
        yield runner
    finally:
        runner.close()
