"""One window's rows against the reference: every check, and the window's own profile.

Pure: values in, values out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pilothouse.models.signature import Signature
from pilothouse.monitoring.checks import (
    CUSTOM,
    DATA_QUALITY,
    DRIFTED_SHARE,
    ERROR,
    ESTIMATED_PERFORMANCE,
    FAIL,
    FEATURE_DRIFT,
    INSUFFICIENT,
    NO_REFERENCE,
    NOT_EVALUATED,
    OK,
    PERFORMANCE,
    PREDICTION_DRIFT,
    RECENT_PERFORMANCE,
    SERVICE,
    WARN,
    Check,
    CheckLimits,
    worst,
)
from pilothouse.monitoring.column_checks import (
    ScoredCheck,
    faulty_column,
    judge_together,
    score_column,
)
from pilothouse.monitoring.column_values import Times
from pilothouse.monitoring.dependence import block_rows
from pilothouse.monitoring.drift import CategoryPair, NumberPair, Pair, TimePair
from pilothouse.monitoring.estimated_checks import estimated_checks, estimated_status
from pilothouse.monitoring.estimation.performance_estimator import estimate_performance
from pilothouse.monitoring.monitor_config import MonitorConfig
from pilothouse.monitoring.performance import (
    MinimumRows,
    Outputs,
    Performance,
    is_present,
    monitored_metrics,
    performance_checks,
    performance_status,
)
from pilothouse.monitoring.plain_json import plain_json
from pilothouse.monitoring.profiles import (
    ColumnReference,
    NumberReference,
    category_window,
    not_numbers,
    number_window,
)
from pilothouse.monitoring.quality import WindowFacts
from pilothouse.monitoring.reference_profile import ReferenceProfile, output_columns
from pilothouse.monitoring.service_checks import service_checks
from pilothouse.monitoring.time_profiles import TimeReference, TimeWindow, time_window
from pilothouse.monitoring.traffic import Traffic
from pilothouse.monitoring.window_checks import window_checks
from pilothouse.monitoring.window_rows import WindowRows

if TYPE_CHECKING:
    import pandas as pd

DRIFT = (FEATURE_DRIFT, PREDICTION_DRIFT)
# Their reference does not wait for rows.
MEASURED = (PERFORMANCE, RECENT_PERFORMANCE, ESTIMATED_PERFORMANCE, SERVICE)
DECIDING_OUTPUTS = 2  # the most telling ones: many columns of one answer are not many alarms


@dataclass(frozen=True)
class Assessment:
    """Every check of one window, and the profile that its pages are drawn from."""

    checks: tuple[Check, ...]
    performance: Performance
    profile: Mapping[str, Any]
    output_summary: Mapping[str, float]

    @property
    def primaries(self) -> tuple[Check, ...]:
        """The deciding check of each feature."""
        return _deciding_features(self.checks)

    @property
    def judged(self) -> int:
        """How many features could be judged."""
        return len(_judged(self.primaries))

    @property
    def drifted(self) -> int:
        """How many features have drifted."""
        return sum(check.status == FAIL for check in self.primaries)

    @property
    def drift_status(self) -> str:
        """The status of features, outputs and data quality: some columns warn, many fail.

        Columns that could not be judged do not hide those that could: it is insufficient only when
        none could.
        """
        share = [check.status for check in self.checks if check.check == DRIFTED_SHARE]
        others = [_weight(check) for check in self.checks if _counts(check)]
        return worst(status for status in (*others, *share) if status != INSUFFICIENT)

    @property
    def performance_status(self) -> str:
        """The status of the metrics on labelled rows, of this window and of the last ones."""
        of_window = performance_status([c for c in self.checks if c.signal == PERFORMANCE])
        recent = [c.status for c in self.checks if c.signal == RECENT_PERFORMANCE]
        return worst([of_window, *(status for status in recent if status == WARN)])

    @property
    def status(self) -> str:
        """The worst of drift and performance; drift alone where nothing is measured.

        What is estimated counts only where labels have not decided, and only when it warns.
        """
        measured = any(check.signal == PERFORMANCE for check in self.checks)
        performance = [self.performance_status] if measured else []
        return worst([self.drift_status, *performance, *estimated_status(self.checks)])


def _counts(check: Check) -> bool:
    """Whether a check decides: the test of a column that does, its data's quality, people's own."""
    return check.signal in (DATA_QUALITY, CUSTOM) or (check.primary and check.signal in DRIFT)


def _weight(check: Check) -> str:
    """What a check makes of the window: a column that fails warns, a window that fails fails.

    That there is enough traffic does not say that anything could be judged.
    """
    if check.signal == CUSTOM and check.status == ERROR:
        return WARN  # what is wrong is the check, not the window
    if check.column:
        return WARN if check.status == FAIL else check.status
    return INSUFFICIENT if check.status == OK else check.status


def _is_expected(column: ColumnReference | TimeReference, rows: int, config: MonitorConfig) -> bool:
    """Whether so many rows have a value of a column, but for chance: a rare one may be in none."""
    return bool(column.present) and (
        (1 - column.present / column.rows) ** rows < config.false_discovery_rate
    )


def assess(
    reference: ReferenceProfile,
    rows: WindowRows,
    config: MonitorConfig,
    signature: Signature,
    performance: Performance,
    traffic: Traffic | None = None,
    unexpected: tuple[str, ...] = (),
) -> Assessment:
    """Assess a window. A column that cannot be read gives one check of status error."""
    judged = judged_columns(reference, rows, config, signature)
    absent = tuple(
        name
        for name, column in reference.columns.items()
        if name not in judged.with_values and _is_expected(column, len(rows), config)
    )
    facts = WindowFacts(reference, rows, absent, unexpected, judged.all_differ, traffic)
    checks = [*judged.checks, *window_checks(facts, config)]
    if reference.columns or reference.faults:  # outputs alone may be known
        n_reference = reference.inputs_rows if reference.inputs_from else reference.rows
        checks.append(share_check(checks, config, n_reference, len(rows)))
    checks += _performance_checks(reference, rows, config, signature, performance)
    if traffic is not None:
        checks += service_checks(traffic.service, config)
    return Assessment(
        checks=tuple(_explained(checks, reference)),
        performance=performance,
        profile=_profile_json(judged.profiles, performance, reference),
        output_summary=_output_summary(rows.outputs, signature),
    )


@dataclass(frozen=True)
class JudgedColumns:
    """The checks of all columns, and the profiles that pages draw, by "signal/column".

    `with_values` are the inputs of which some row has a value. `all_differ` says that some number
    is another one in each row.
    """

    checks: list[Check]
    profiles: Mapping[str, Any]
    with_values: frozenset[str]
    all_differ: bool


def judged_columns(
    reference: ReferenceProfile, rows: WindowRows, config: MonitorConfig, signature: Signature
) -> JudgedColumns:
    """Every column of a reference against the rows, by its tests."""
    faults: list[Check] = []
    scored: list[ScoredCheck] = []
    profiles: dict[str, Any] = {}
    all_differ, with_values = False, set[str]()
    of_features = block_rows(reference.blocks, rows.at)
    # PERF: numbering the blocks of a million rows takes a while; mostly they are the same ones.
    is_one_size = reference.output_blocks == reference.blocks
    of_outputs = of_features if is_one_size else block_rows(reference.output_blocks, rows.at)
    blocks = {FEATURE_DRIFT: of_features, PREDICTION_DRIFT: of_outputs}
    informative = informative_outputs(signature)
    times = {field.name for field in signature.inputs if field.type == "time"}
    for signal, column, pair in _columns(reference, rows, signature):
        decides = signal != PREDICTION_DRIFT or column not in informative
        if isinstance(pair, str):
            is_time = signal == FEATURE_DRIFT and column in times
            weighed = DATA_QUALITY if is_time else signal  # no drift of times is tested
            faults.append(faulty_column(weighed, column, pair, config, len(rows), decides))
            continue
        scored += score_column(signal, column, pair, config, decides, blocks[signal])
        profiles[f"{signal}/{column}"] = column_profile(pair)
        # PERF: a pair is not kept, its merged samples are large.
        if signal == FEATURE_DRIFT:
            all_differ = all_differ or _all_differ(pair)
            with_values |= {column} if pair.window.missing < len(rows) else set()

    checks = [*faults, *judge_together(scored, config.false_discovery_rate)]
    return JudgedColumns(checks, profiles, frozenset(with_values), all_differ)


def informative_outputs(signature: Signature) -> frozenset[str]:
    """The outputs whose drift is tested, to be looked at, but decides nothing."""
    return frozenset(column.name for column in output_columns(signature)[DECIDING_OUTPUTS:])


def _performance_checks(
    reference: ReferenceProfile,
    rows: WindowRows,
    config: MonitorConfig,
    signature: Signature,
    performance: Performance,
) -> list[Check]:
    """The metrics on labelled rows, and those that are estimated for all rows."""
    metrics = monitored_metrics(signature, config.tolerances)
    observed = performance_checks(
        performance,
        reference.metrics,
        metrics,
        MinimumRows(config.min_labelled, config.min_coverage),
        reference.rows,
        _waiting_for_labels(reference),
        reference.errors,
    )
    estimated = estimate_performance(reference.estimator, signature, rows)
    return observed + estimated_checks(estimated, observed, metrics, reference, config.min_rows)


def _waiting_for_labels(reference: ReferenceProfile) -> str:
    """Why a reference of served rows has no metrics yet."""
    if reference.origin != "served" or reference.metrics:
        return ""
    return "the first window with enough labels becomes the reference"


def _explained(checks: list[Check], reference: ReferenceProfile) -> list[Check]:
    """The checks; those of drift say what the reference waits for, while it is not complete."""
    return [_with_lack(check, reference) for check in checks]


def _with_lack(check: Check, reference: ReferenceProfile) -> Check:
    if check.status != INSUFFICIENT or check.signal in MEASURED:
        return check
    lack = reference.waiting
    if reference.inputs_from and check.signal != PREDICTION_DRIFT:
        lack = reference.inputs_lack
    return replace(check, message=lack) if lack else check


def _profile_json(
    columns: Mapping[str, Any], performance: Performance, reference: ReferenceProfile
) -> dict[str, Any]:
    """What pages are drawn from: columns, documents, and what the window was held against."""
    return {
        "columns": columns,
        "documents": plain_json(performance.documents),
        "reference": {
            "origin": reference.origin,
            "rows": reference.rows,
            "labels_from": reference.labels_from,
            "summary": dict(reference.summary),
            "waiting": reference.waiting,
            "inputs_from": reference.inputs_from,
            "inputs_rows": reference.inputs_rows,
        },
    }


def _output_summary(outputs: Outputs, signature: Signature) -> dict[str, float]:
    """The mean of each output that is a number, by its title."""
    summary: dict[str, float] = {}
    for column in output_columns(signature):
        values = outputs.get(column.name)
        if column.kind == "number" and values is not None and values.dtype.kind in "fiu":
            present = values[is_present(values)]
            summary |= {column.title: float(present.mean())} if len(present) else {}
    return summary


def _columns(
    reference: ReferenceProfile, rows: WindowRows, signature: Signature
) -> Iterator[tuple[str, str, Pair | str]]:
    """Each monitored column with its pair of profiles, or with the reason why there is none."""
    for name, fault in reference.faults.items():
        yield FEATURE_DRIFT, name, f"{NO_REFERENCE}{fault}"
    for name, column in reference.columns.items():
        yield FEATURE_DRIFT, name, _window_pair(column, rows.features, len(rows), rows.at)
    for output in output_columns(signature):
        name = output.name
        if name in reference.outputs:
            yield PREDICTION_DRIFT, name, _output_pair(reference.outputs[name], rows)
        else:
            fault = reference.output_faults.get(name, "the reference has no such column")
            yield PREDICTION_DRIFT, name, f"{NO_REFERENCE}{fault}"


def _output_pair(reference: ColumnReference, rows: WindowRows) -> Pair | str:
    """The pair of an output, every value of which must be readable."""
    pair = _window_pair(reference, rows.outputs, len(rows))
    if isinstance(pair, NumberPair) and pair.window.unreadable:
        return not_numbers(pair.window.example)
    return pair


def _window_pair(
    reference: ColumnReference,
    columns: pd.DataFrame | Outputs,
    rows: int,
    at: Times | None = None,
) -> Pair | str:
    import pandas as pd

    if reference.name in columns:
        column = columns[reference.name]
        # PERF: of a series, pandas would make another one.
        return _pair(reference, column if isinstance(column, pd.Series) else pd.Series(column), at)
    if rows:
        return "the window's rows have no such column"
    return _pair(reference, pd.Series(dtype=object), None)


def _pair(reference: ColumnReference, column: pd.Series[Any], at: Times | None) -> Pair:
    if isinstance(reference, NumberReference):
        return NumberPair(reference, *number_window(reference, column))
    if isinstance(reference, TimeReference):
        return TimePair(reference, time_window(reference, column, at))
    return CategoryPair(reference, category_window(reference, column))


def _all_differ(pair: Pair) -> bool:
    """Whether a number is another one in each row, as its sorted values show at once."""
    if not isinstance(pair, NumberPair) or pair.window.rows - pair.window.present > 1:
        return False
    return bool((pair.values[1:] > pair.values[:-1]).all())


def _deciding_features(checks: Sequence[Check]) -> tuple[Check, ...]:
    return tuple(check for check in checks if check.signal == FEATURE_DRIFT and check.primary)


def _judged(checks: Sequence[Check]) -> list[Check]:
    return [check for check in checks if check.status not in NOT_EVALUATED]


def share_check(
    checks: Sequence[Check], config: MonitorConfig, n_reference: int, n_current: int
) -> Check:
    """The share of features that have drifted, of those that could be judged."""
    judged = _judged(_deciding_features(checks))
    limits = CheckLimits(config.drifted_share / 2, config.drifted_share)
    score = sum(c.status == FAIL for c in judged) / len(judged) if judged else None

    return Check(
        FEATURE_DRIFT,
        DRIFTED_SHARE,
        "",
        "features over their limit, of those judged",
        INSUFFICIENT if score is None else limits.judge(score),
        score=score,
        warn=limits.warn,
        threshold=limits.fail,
        n_reference=n_reference,
        n_current=n_current,
        message="" if judged else "no feature could be judged",
    )


def column_profile(pair: Pair) -> dict[str, Any]:
    """What a page needs to draw a column: both rows of counts in the same cells, and the means."""
    reference, window = pair.reference, pair.window
    before, after = pair.bin_counts
    facts: dict[str, Any] = {
        "kind": reference.kind,
        "reference": before.tolist(),
        "current": after.tolist(),
        "missing": {
            "reference": [reference.missing, reference.rows],
            "current": [window.missing, window.rows],
        },
    }
    if isinstance(pair, NumberPair):
        labels = list(pair.reference.bins.labels)
        means = {"reference": pair.reference.mean, "current": pair.window.mean}
        cuts = pair.reference.bins.cuts.tolist()
        spread = {"tenths": pair.window.decile_counts.tolist(), "spread": pair.window.sum_sq_dev}
        facts |= {"unreadable": pair.window.unreadable}
        return facts | {"labels": labels, "cuts": cuts, "mean": means} | spread
    if isinstance(pair, TimePair):
        facts |= {"unreadable": pair.window.unreadable, "far": pair.window.far}
        return facts | {"labels": list(pair.reference.bins.labels)} | _time_range(pair)

    return facts | {"labels": list({**pair.reference.counts, **pair.window.counts})}


def _time_range(pair: TimePair) -> dict[str, Any]:
    """The first and the last time of both sides in milliseconds; None for a side without any."""

    def ends(side: TimeReference | TimeWindow) -> list[int] | None:
        return [side.low, side.high] if side.present else None

    return {"range": {"reference": ends(pair.reference), "current": ends(pair.window)}}
