"""Progress of a training: phases weighted by their rows.

One call of scikit-learn can take minutes and reports nothing. A thread therefore reports every
second which phase is running and for how long, and advances the bar at the speed of earlier fits.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from pilothouse.kit.errors import Cancelled, PilothouseError

Report = Callable[[float, str], None]  # jobs.Progress, or another receiver of progress
REPORT_SECONDS = 1.0
READING_END = 0.05  # shares of one fit
FITTING_END = 0.85
UNMEASURED_SECONDS = 10.0  # what a phase is expected to take while no fit has been measured
LINEAR_SHARE = 0.9  # of a phase passes in the time it is expected to take, the rest ever slower
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Phase:
    """A part of one fit: the share of it from `start` to `end`, and the rows it fits on."""

    message: str
    start: float
    end: float
    rows: int = 0


Step = Callable[[Phase], None]


def reading_phase(dataset: str) -> Phase:
    """The first phase of a fit."""
    return Phase(f"reading {dataset}", 0.0, READING_END)


def fitting_phases(folds: Sequence[int], rows: int) -> list[Phase]:
    """A phase for the fit of each fold, of so many rows, and one for the final fit.

    The time of a fit grows about as its rows do, so the phases share the bar by their rows.
    """
    steps = [
        (f"fold {number} of {len(folds)}: fitting on {size:,} rows", size)
        for number, size in enumerate(folds, start=1)
    ]
    return _phases([*steps, _final(rows)])


def out_of_fold_phases(folds: Sequence[Sequence[int]], rows: int) -> list[Phase]:
    """The phases of an evaluation by folds: those of each fold's training, and the final fit.

    Each fold has the sizes of its own folds, and the rows that it fits on as the last one.
    """
    steps = [
        (f"fold {number} of {len(folds)}: {_inner(position, len(sizes) - 1)} {size:,} rows", size)
        for number, sizes in enumerate(folds, start=1)
        for position, size in enumerate(sizes, start=1)
    ]
    return _phases([*steps, _final(rows)])


def _inner(position: int, inner: int) -> str:
    return "fitting on" if position > inner else f"part {position} of {inner}, fitting on"


def _final(rows: int) -> tuple[str, int]:
    return f"fitting the final model on {rows:,} rows", rows


def _phases(steps: Sequence[tuple[str, int]]) -> list[Phase]:
    sizes = [size for _, size in steps]
    phases, done = [], 0
    for message, size in steps:
        phases.append(Phase(message, _fit_share(done, sizes), _fit_share(done + size, sizes), size))
        done += size
    return phases


def evaluation_phase(rows: int, *, by_folds: bool = False) -> Phase:
    """The last phase of a fit: metrics, importance and files from rows that it has not seen."""
    kind = "rows out of fold" if by_folds else "held-out rows"
    return Phase(f"evaluating on {rows:,} {kind}", FITTING_END, 1.0)


class TrainingProgress:
    """Reports the phases of several fits, each of which has the same share of the bar.

    `report` stops the work by raising Cancelled. When it raises in the reporting thread, the next
    phase raises it: scikit-learn cannot be interrupted during a fit.
    """

    def __init__(
        self,
        report: Report,
        fits: int,
        report_seconds: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._report = report
        self._fits = fits
        self._report_seconds = REPORT_SECONDS if report_seconds is None else report_seconds
        self._clock = clock
        self._done = -1
        self._title = ""
        self._phase: Phase | None = None
        self._since = 0.0
        self._seconds_per_row: float | None = None
        self._cancelled: Cancelled | None = None
        self._lock = threading.Lock()

    def begin_fit(self, title: str) -> None:
        """Start the next fit; its first phase follows."""
        with self._lock:
            self._done += 1
            self._title = title
            self._phase = None

    def add_fit(self) -> None:
        """One more fit than was expected."""
        with self._lock:
            self._fits += 1

    def check(self) -> None:
        """Raise Cancelled when a report has learnt of the cancellation."""
        if self._cancelled is not None:
            raise self._cancelled

    def __call__(self, phase: Phase) -> None:
        """Start a phase, which ends the one before it. Raises Cancelled."""
        self.check()
        with self._lock:
            now = self._clock()
            if self._phase is not None and self._phase.rows:
                self._seconds_per_row = (now - self._since) / self._phase.rows
            self._phase, self._since = phase, now
        self.report()

    @contextmanager
    def reporting(self) -> Iterator[None]:
        """Report at regular intervals, from a thread, while the body runs."""
        end = threading.Event()
        thread = threading.Thread(
            target=self._report_until, args=(end,), daemon=True, name="training-progress"
        )
        thread.start()
        try:
            yield
        finally:
            end.set()
            thread.join()

    def report(self) -> None:
        """Report the running phase: its message, its seconds, the share of the whole."""
        with self._lock:
            if self._phase is None:
                return
            seconds = self._clock() - self._since
            expected = self._expected(self._phase)
            passed = phase_share(seconds, expected or UNMEASURED_SECONDS)
            share = self._phase.start + (self._phase.end - self._phase.start) * passed
            message = f"{self._title}: {self._phase.message}{_duration(seconds, expected)}"
            # Within the lock: of two reports at once the older must not be written last.
            self._report((self._done + share) / self._fits, message)

    def _expected(self, phase: Phase) -> float | None:
        """The seconds a fit will take by the time of the fit before it."""
        if self._seconds_per_row is None or not phase.rows:
            return None
        return self._seconds_per_row * phase.rows

    def _report_until(self, end: threading.Event) -> None:
        while not end.wait(self._report_seconds):
            try:
                self.report()
            except Cancelled as cancelled:
                self._cancelled = cancelled
                return
            except PilothouseError as error:  # a busy database must not end a fit of an hour
                log.warning("progress was not written: %s", error)


def phase_share(seconds: float, expected: float) -> float:
    """The share of a phase that has passed: it always grows and never reaches 1."""
    if expected <= 0:
        return LINEAR_SHARE
    ratio = seconds / expected
    if ratio <= 1:
        return LINEAR_SHARE * ratio
    return 1 - (1 - LINEAR_SHARE) / ratio


def _duration(seconds: float, expected: float | None) -> str:
    if seconds < 1:
        return ""
    if expected is None or expected < 1 or seconds > expected:
        return f", {seconds:.0f} s"
    return f", {seconds:.0f} s of about {expected:.0f} s"


def _fit_share(done: int, sizes: Sequence[int]) -> float:
    return READING_END + (FITTING_END - READING_END) * done / sum(sizes)
