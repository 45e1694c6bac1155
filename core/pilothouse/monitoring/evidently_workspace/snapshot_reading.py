"""Reads a snapshot of Evidently 0.7: its time, its figures, and what its tests said.

It is read as plain JSON. Evidently's own reader imports classes that a file names, which a file of
a stranger must not decide.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

from pilothouse.kit.errors import Invalid
from pilothouse.monitoring.evidently_workspace.window_snapshots import WINDOW_KEY

DRIFT = "ValueDrift"
MAX_FIGURES = 5_000
MAX_TEXT = 300
EARLIEST, LATEST = 1970, 2200
# Evidently calls it drift when the score of these is below the threshold; of all others, when it
# reaches it. Both lists are of the tests that it comes with.
# A method has its short name where somebody chose it, else the name for people.
P_VALUES = frozenset(
    {
        *("chi-square p_value", "K-S p_value", "Z-test p_value", "Anderson-Darling", "t_test"),
        *("Cramer-von Mises", "Epps-Singleton", "Fisher's Exact test", "g_test"),
        *("Mann-Whitney U-rank test", "empirical_mmd", "chisquare", "ks", "z", "anderson"),
        *("cramer_von_mises", "es", "fisher_exact", "mannw"),
    }
)
DISTANCES = frozenset(
    {
        *("Wasserstein distance (normed)", "Jensen-Shannon distance", "Hellinger distance", "PSI"),
        *("Kullback-Leibler divergence", "Energy-distance", "Total-Variation-Distance"),
        *("Percentile text content drift", "Absolute text content drift", "wasserstein", "psi"),
        *("jensenshannon", "hellinger", "kl_div", "ed", "TVD", "perc_text_content_drift"),
        *("abs_text_content_drift",),
    }
)
STATES = {"SUCCESS": "ok", "FAIL": "fail", "WARNING": "warn", "ERROR": "error", "SKIPPED": ""}


@dataclass(frozen=True)
class EvidentlyFigure:
    """One number of a snapshot.

    `metric` is Evidently's name of the metric, `part` says which of its numbers, `column` is the
    column that it is of. `status` is ok, warn, fail or error, empty where nothing judged it.
    """

    metric: str
    column: str
    part: str
    method: str
    value: float | None
    threshold: float | None
    status: str
    message: str

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return dict(vars(self))


@dataclass(frozen=True)
class ReadSnapshot:
    """What a snapshot says; `skipped` counts the metrics that hold no numbers, by their name."""

    name: str
    timestamp: datetime
    tags: tuple[str, ...]
    metadata: Mapping[str, str]
    figures: tuple[EvidentlyFigure, ...]
    skipped: Mapping[str, int]

    @property
    def exported_from(self) -> str:
        """The window that it is an export of, else an empty text."""
        return self.metadata.get(WINDOW_KEY, "")


def read_snapshot(content: bytes, zone: tzinfo) -> ReadSnapshot:
    """The snapshot in a file; a time without a zone is in `zone`. Raises Invalid that says why."""
    value = _json(content)
    if "metric_results" not in value:
        raise Invalid(_why_none(value))
    results = value["metric_results"]
    if not isinstance(results, dict) or not results:
        raise Invalid("it holds no metrics")
    skipped: dict[str, int] = {}
    figures: list[EvidentlyFigure] = []
    for result in results.values():
        name, numbers = _metric(result), list(_figures(result))
        if not numbers:
            skipped[name or "?"] = skipped.get(name or "?", 0) + 1
        figures += numbers
        if len(figures) > MAX_FIGURES:
            raise Invalid(f"it has more than {MAX_FIGURES:,} figures")
    return ReadSnapshot(
        _text(value.get("name")),
        _timestamp(value.get("timestamp"), zone),
        tuple(_text(tag) for tag in _list(value.get("tags"))[:20] if isinstance(tag, str)),
        {
            _text(key): _text(item)
            for key, item in list(_dict(value.get("metadata")).items())[:50]
            if isinstance(item, str)
        },
        tuple(figures),
        skipped,
    )


def _json(content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content, parse_constant=lambda _: None)
    except RecursionError:
        raise Invalid("it is nested too deeply") from None
    except (ValueError, UnicodeDecodeError) as broken:
        raise Invalid(f"it is not JSON: {broken}") from broken
    if not isinstance(value, dict):
        raise Invalid("it is not a snapshot of Evidently")
    return value


def _why_none(value: dict[str, Any]) -> str:
    if "metrics" in value and "tests" in value:
        return (
            "it has no time: it was written by `save_json`; add the run to a workspace, or write "
            "its `dumps()`"
        )
    if "suite" in value or "metrics_ids" in value:
        return "it is of an Evidently before 0.7"
    return "it is not a snapshot of Evidently"


def _figures(result: Any) -> Iterator[EvidentlyFigure]:
    """The numbers of one result: a value, a count with its share, a mean, or one per label."""
    result = _dict(result)
    tests = _list(result.get("tests"))
    single = result.get("value")
    if isinstance(single, int | float) or (single is None and "value" in result):
        yield _figure(result, "", tests)
    for part in ("count", "share", "mean", "std"):
        if isinstance(child := result.get(part), dict):
            yield _figure(child, part, _tests_of_part(tests, part) or _list(child.get("tests")))
    for group in ("values", "counts", "shares"):
        for label, child in _dict(result.get(group)).items():
            if isinstance(child, dict):
                part = str(label) if group == "values" else f"{group[:-1]} of {label}"
                yield _figure(child, part, _list(child.get("tests")))


def _figure(result: dict[str, Any], part: str, tests: list[Any]) -> EvidentlyFigure:
    params = _params(result)
    metric, method = _metric(result), _text(params.get("method"))
    value, threshold = _number(result.get("value")), _number(params.get("threshold"))
    status, message = _verdict(tests)
    if not status and metric == DRIFT:
        status = _drift_status(method, value, threshold)
    columns = [params[name] for name in ("column", "column_name") if params.get(name)]
    return EvidentlyFigure(
        metric,
        _text(columns[0]) if columns else "",
        part[:MAX_TEXT],
        method,
        value,
        threshold,
        status,
        message,
    )


def _drift_status(method: str, value: float | None, threshold: float | None) -> str:
    """What Evidently's own rule says of a column's drift; empty for a method of people's own."""
    if value is None or threshold is None:
        return ""
    if method in P_VALUES:
        return "fail" if value < threshold else "ok"
    if method in DISTANCES:
        return "fail" if value >= threshold else "ok"
    return ""


def _verdict(tests: list[Any]) -> tuple[str, str]:
    """The worst state of tests and what that test says."""
    order = ("", "ok", "warn", "error", "fail")
    worst = ("", "")
    for test in tests:
        state = STATES.get(str(_dict(test).get("status")), "")
        if order.index(state) > order.index(worst[0]):
            worst = state, _text(_dict(test).get("description"))
    return worst


def _tests_of_part(tests: list[Any], part: str) -> list[Any]:
    """Tests of a count name whether they are of the count or of the share."""
    if part not in ("count", "share"):
        return []
    return [
        test
        for test in tests
        if _dict(_dict(test).get("bound_test")).get("is_count") is (part == "count")
    ]


def _metric(result: Any) -> str:
    kind = _params(_dict(result)).get("type")
    return _text(kind).rsplit(":", 1)[-1]


def _params(result: dict[str, Any]) -> dict[str, Any]:
    location = _dict(result.get("metric_value_location"))
    return _dict(_dict(location.get("metric")).get("params"))


def _timestamp(value: Any, zone: tzinfo) -> datetime:
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        at = None
    if at is None or not EARLIEST <= at.year < LATEST:
        raise Invalid(f"its time cannot be read: {str(value)[:40]!r}")
    return (at if at.tzinfo is not None else at.replace(tzinfo=zone)).astimezone(UTC)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _text(value: Any) -> str:
    """A text without what a database cannot hold, cut to a length that a table can show."""
    if not isinstance(value, str):
        return ""
    cut = value[:MAX_TEXT].encode("utf-8", "replace").decode("utf-8")
    return cut.replace("\x00", "")


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
