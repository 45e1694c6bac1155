"""What a workflow is handed: steps that are done once, heavy work in child processes, progress."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, Protocol, TypeVar

from pilothouse.jobs.backends import spread_over
from pilothouse.jobs.functions import JobFunction, reference_of
from pilothouse.jobs.progress import Progress
from pilothouse.kit.parameters import Parameter
from pilothouse.kit.plugins import Plugins
from pilothouse.storage import Store

P = ParamSpec("P")
R = TypeVar("R")


SPREAD = Parameter(
    "spread",
    "text",
    "",
    help="Where its parts run: dask, ray, spark or this_machine; as PILOTHOUSE_SPREAD says.",
)


class Stepper(Protocol):
    """Runs a named step once, however often the worker is killed; the engine's is durable."""

    def __call__(self, name: str, act: Callable[[], R], /) -> R:
        """The step's result, from its first successful run."""
        ...


class Computer(Protocol):
    """Runs a function elsewhere than in the worker's own interpreter."""

    def __call__(
        self,
        store: Store,
        job_id: str,
        reference: str,
        span: tuple[float, float],
        args: dict[str, Any],
        /,
    ) -> Any:
        """The function's result, a plain value."""
        ...


class JobContext:
    """One run of a job. Between steps a workflow is deterministic: no clock, no random draw."""

    def __init__(
        self,
        store: Store,
        job_id: str,
        stepper: Stepper,
        computer: Computer,
        raise_if_closed: Callable[[], None] = lambda: None,
        whole: tuple[float, float] = (0.0, 1.0),
    ) -> None:
        self.store = store
        self.id = job_id
        self._stepper = stepper
        self._computer = computer
        self._raise_if_closed = raise_if_closed
        self._whole = whole
        self.span(0.0, 1.0)

    def acting_as(self, actor: str) -> JobContext:
        """The same run, whose next steps are signed by what does them, not by who asked for it."""
        return self._derived(self.store.acting_as(actor), self._stepper, self._whole)

    def spread_over(self, backend: str) -> JobContext:
        """The same run, whose next steps spread their parts over a backend; "" changes nothing."""
        return self._derived(spread_over(self.store, backend), self._stepper, self._whole)

    def part(self, name: str, start: float, end: float) -> JobContext:
        """The same run for a part of it that is written as a whole job.

        Its steps are called after the part too, and its progress is that share of this run's.
        """

        def stepper(step: str, act: Callable[[], R]) -> R:
            return self._stepper(f"{name}: {step}", act)

        run = self._derived(self.store, stepper, self._share(start, end))
        run.span(0.0, 1.0)
        return run

    def _derived(self, store: Store, stepper: Stepper, whole: tuple[float, float]) -> JobContext:
        run = JobContext(store, self.id, stepper, self._computer, self._raise_if_closed, whole)
        run._cover(*self._span)
        return run

    def span(self, start: float, end: float) -> None:
        """Say which share of the whole run the next steps cover, for progress."""
        self._cover(*self._share(start, end))

    def _share(self, start: float, end: float) -> tuple[float, float]:
        low, high = self._whole
        return low + start * (high - low), low + end * (high - low)

    def _cover(self, start: float, end: float) -> None:
        self._span = (start, end)
        self._progress = Progress(
            self.store, self.id, start=start, end=end, raise_if_closed=self._raise_if_closed
        )

    def progress(self, fraction: float, message: str = "") -> None:
        """Report a fraction of the present span."""
        self._progress(fraction, message)

    def reporter(self) -> Progress:
        """Progress over the present span, for a step that runs in the worker itself."""
        return self._progress

    def step(self, name: str, act: Callable[..., R], *args: Any, **kwargs: Any) -> R:
        """Do a step once and return its plain result; it is idempotent, for a kill repeats it."""
        self._progress.check()
        return self._stepper(name, lambda: act(*args, **kwargs))

    def compute(
        self, name: str, function: JobFunction[P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Run `function(store, progress, **kwargs)` in a child process, as a step.

        Its arguments are given by name, and like its result they are plain values. Raises Invalid
        for a function that a child process cannot import.
        """
        if args:
            raise TypeError(f"{name}: the arguments of a job function are given by name")
        self._progress.check()
        span, reference = self._span, reference_of(function)

        def act() -> R:
            result: R = self._computer(self.store, self.id, reference, span, kwargs)
            return result

        return self._stepper(name, act)


class Workflow(Protocol):
    """A kind of job: its name is stored with each job, and `run` is what the worker does."""

    @property
    def title(self) -> str:
        """What people call a job of this kind: "Training"."""
        ...

    @property
    def description(self) -> str:
        """What it does and what it never does, in a sentence or two."""
        ...

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The arguments of `run` after the job, as they are stored: plain values."""
        ...

    def run(self, job: JobContext, /, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Do the steps and return a plain result; between steps it is deterministic.

        Each workflow types its own arguments; `Any` here admits all of them.
        """
        ...


workflows: Plugins[Workflow] = Plugins("pilothouse.pipelines.workflows", "workflow")
