"""How a window is evaluated: tests, limits, and minimum numbers of rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from pilothouse.monitoring.windows import Period

Reference = Literal["held_out", "previous_windows", "year_before", "dataset"]
HELD_OUT: Reference = "held_out"
PREVIOUS_WINDOWS: Reference = "previous_windows"
YEAR_BEFORE: Reference = "year_before"
DATASET: Reference = "dataset"
PRIMARY: Mapping[str, str] = {"number": "psi", "category": "psi"}


@dataclass(frozen=True)
class MonitorConfig:
    """The settings of a monitor.

    `primary` names the drift test that decides for each kind of column; `limits` changes a test's
    own, as {"psi": {"warn": 0.1, "fail": 0.25}}; `tolerances` changes how far beyond the
    reference's value a metric may go, as the task counts it. `reference_rows` are the first
    predictions that a version without held-out rows is compared with. `false_discovery_rate` is the
    share of columns over a limit that may be so by chance. `reference` says what the inputs of a
    window are compared with: the version's held-out rows, the `reference_windows` windows before
    it, the same weeks of the year before, or the dataset version `reference_dataset`.
    With `domain_classifier` all columns are also tested together, which takes 0.2 s.
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


@dataclass(frozen=True)
class MonitorInfo:
    """A deployment's monitor as it stands."""

    deployment: str
    config: MonitorConfig
    created_at: datetime
    created_by: str
    updated_at: datetime
