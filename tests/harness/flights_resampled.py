"""The flights of 2013 drawn anew without a change, watched as a deployment is: who is woken?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from harness.limit_simulation import fires
from pilothouse.data import samples
from pilothouse.models.answers import AT, TARGET
from pilothouse.models.signature import Signature, SignatureField
from pilothouse.monitoring.alert_rules import DEFAULT_RULES, AlertRuleSpec
from pilothouse.monitoring.alert_state import Condition
from pilothouse.monitoring.alerts import verdict_of
from pilothouse.monitoring.assessment import Assessment, assess
from pilothouse.monitoring.checks import PRIMARY
from pilothouse.monitoring.monitor_config import MonitorConfig
from pilothouse.monitoring.performance import compute_performance
from pilothouse.monitoring.recent_checks import (
    MeasuredWindow,
    is_measured,
    measured_window,
    recent_checks,
)
from pilothouse.monitoring.reference_profile import (
    ReferenceProfile,
    held_out_rows,
    profile_reference,
)
from pilothouse.monitoring.tables import CheckResult

CATEGORIES = ["carrier", "origin", "dest"]
NUMBERS = [name for name in samples.FLIGHT_FEATURES if name not in CATEGORIES]
SIGNATURE = Signature(
    tuple(
        SignatureField(name, "string" if name in CATEGORIES else "number")
        for name in samples.FLIGHT_FEATURES
    ),
    samples.FLIGHT_LABEL,
    (0, 1),
    1,
)


@dataclass(frozen=True)
class Year:
    """How many windows of a year were called what, and which rules raised an alert."""

    statuses: dict[str, int]
    fired: tuple[str, ...]


@lru_cache(maxsize=1)
def scored_flights() -> pd.DataFrame:
    """All labelled flights with the score of a model that was fitted on a tenth of them."""
    frame = pd.read_parquet(samples.flights()).dropna(subset=[samples.FLIGHT_LABEL])
    shuffled = frame.sample(frac=1, random_state=1).reset_index(drop=True)
    y = shuffled[samples.FLIGHT_LABEL].astype(int)
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    columns = make_column_transformer((encoder, CATEGORIES), remainder="passthrough")
    model = make_pipeline(columns, HistGradientBoostingClassifier(max_iter=60, random_state=1))
    x, fitted = shuffled[list(samples.FLIGHT_FEATURES)], len(shuffled) // 10
    model.fit(x[:fitted], y[:fitted])
    at = shuffled[samples.FLIGHT_TIME].to_numpy(dtype="datetime64[ms]").astype(np.int64)
    scores = {"__score": model.predict_proba(x)[:, 1], TARGET: y, AT: at}
    return x.assign(**scores)[fitted:].reset_index(drop=True)


def year(seed: int, weeks: int = 52, rows: int = 6_500, held_out: int = 10_000) -> Year:
    """A reference and weekly windows drawn at random from the flights of the whole year."""
    flights = scored_flights()
    rng = np.random.default_rng(seed)

    def drawn(count: int) -> pd.DataFrame:
        return flights.iloc[rng.choice(len(flights), count, replace=False)].reset_index(drop=True)

    reference = profile_reference(drawn(held_out), SIGNATURE)
    made: list[Assessment] = []
    earlier: list[MeasuredWindow] = []
    for _ in range(weeks):
        assessment = _assessed(reference, drawn(rows))
        recent = recent_checks(assessment.checks, earlier, is_enough=True)
        made.append(replace(assessment, checks=(*assessment.checks, *recent)))
        earlier[:0] = [measured_window(check) for check in assessment.checks if is_measured(check)]
    names = [assessment.status for assessment in made]
    fired = tuple(rule.name for rule in DEFAULT_RULES if _fires(rule, made))
    return Year({name: names.count(name) for name in sorted(set(names))}, fired)


def _assessed(reference: ReferenceProfile, frame: pd.DataFrame) -> Assessment:
    window = held_out_rows(frame, SIGNATURE)
    performance = compute_performance(SIGNATURE, window.outputs, window.truth, window.at)
    return assess(reference, window, MonitorConfig(), SIGNATURE, performance)


def _fires(rule: AlertRuleSpec, made: list[Assessment]) -> bool:
    condition = Condition(rule.condition, rule.threshold, rule.clear_threshold)
    verdicts: list[Any] = []
    for assessment in made:
        watched = [
            check
            for check in assessment.checks
            if check.signal == rule.signal
            and (check.primary if rule.check == PRIMARY else check.check == rule.check)
        ]
        if not watched:  # the first window has none before it
            continue
        result = CheckResult(window_id="w", revision=1, **vars(watched[0]))
        verdicts.append(verdict_of(result, condition))
    return fires(verdicts, rule.for_windows)
