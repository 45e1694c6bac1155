"""How a window is evaluated: tests, limits, and minimum numbers of rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal

from pilothouse.monitoring.windows import DEFAULT_ZONE, Period, WindowScheme

Reference = Literal["held_out", "previous_windows", "year_before", "dataset"]
HELD_OUT: Reference = "held_out"
PREVIOUS_WINDOWS: Reference = "previous_windows"
YEAR_BEFORE: Reference = "year_before"
DATASET: Reference = "dataset"
OF_WINDOWS = ("zone", "window_length", "window_step", "evaluate_after", "give_up_after")
PRIMARY: Mapping[str, str] = {"number": "psi", "category": "psi"}


@dataclass(frozen=True)
class MonitorConfig:
    """The settings of a monitor.

    `period`, `zone`, `window_length` and `window_step` say how event time is cut into windows:
    see `WindowScheme`; of the period `prediction` a window has `window_length` of them. A window
    is evaluated `evaluate_after` hours after its end, so that labels and late rows are there; what
    is received more than `give_up_after` hours after its end does not make it due again (None:
    whatever is received does).
    `primary` names the drift test that decides for each kind of column; `limits` changes a test's
    own, as {"psi": {"warn": 0.1, "fail": 0.25}}; `tolerances` changes how far beyond the
    reference's value a metric may go, as the task counts it. `reference_rows` are the first
    predictions that a version without held-out rows is compared with. `false_discovery_rate` is the
    share of columns over a limit that may be so by chance. `reference` says what the inputs of a
    window are compared with: the version's held-out rows, the `reference_windows` windows before
    it, the same weeks of the year before, or the dataset version `reference_dataset`.
    The segments of each of the `segment_columns` are judged too, and the groups of each of the
    `fairness_columns` are compared; both name inputs.
    With `skew` the inputs that were served are compared with those of the feature store at their
    times, or with the training rows that have the same value of `skew_key`.
    With `domain_classifier` all columns are also tested together, which takes 0.2 s; with
    `pca_reconstruction` by how well components of the reference rebuild the rows.
    """

    period: Period = "week"
    enabled: bool = True
    min_rows: int = 200
    min_labelled: int = 200
    min_coverage: float = 0.5
    drifted_share: float = 0.5
    primary: Mapping[str, str] = field(default_factory=lambda: dict(PRIMARY))
    limits: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    tolerances: Mapping[str, float] = field(default_factory=dict)
    reference_rows: int = 2_000
    false_discovery_rate: float = 0.005
    reference: Reference = HELD_OUT
    reference_windows: int = 8
    reference_dataset: str = ""
    domain_classifier: bool = False
    zone: str = DEFAULT_ZONE
    window_length: int = 1
    window_step: int = 1
    evaluate_after: float = 0.0
    give_up_after: float | None = None
    pca_reconstruction: bool = False
    segment_columns: tuple[str, ...] = ()
    fairness_columns: tuple[str, ...] = ()
    skew: bool = False
    skew_key: str = ""

    @property
    def scheme(self) -> WindowScheme:
        """How event time is cut into windows."""
        return WindowScheme(self.period, self.zone, self.window_length, self.window_step)

    @property
    def judging(self) -> dict[str, Any]:
        """The settings that change the results of a window, whichever window it is."""
        return {name: value for name, value in asdict(self).items() if name not in OF_WINDOWS}


@dataclass(frozen=True)
class MonitorInfo:
    """A deployment's monitor as it stands."""

    deployment: str
    config: MonitorConfig
    created_at: datetime
    created_by: str
    updated_at: datetime
