"""Answer recorded requests by another version, in a model process that runs as long as needed.

Nothing is logged as predicted: the answers are compared with those that were given, and forgotten.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pilothouse.deployments.commands import signature_of
from pilothouse.deployments.prediction_log import log
from pilothouse.deployments.replay.replay_results import DecisionChange, OutputDifference
from pilothouse.deployments.scoring import Scored, answerable, of_right_type, scoring
from pilothouse.kit.errors import Conflict, Invalid
from pilothouse.models.tasks import task_of
from pilothouse.registry import versions

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.models.signature import Signature
    from pilothouse.storage import Store

MAX_CHANGES = 200
MAX_DECISIONS = 20
PARSED: dict[str, Callable[[str], Any]] = {
    "number": float,
    "integer": int,
    "boolean": {"true": True, "false": False}.__getitem__,
}
SAME = 1e-9  # relative difference of numbers that is none
Report = Callable[[float, str], None]


def replay_requests(
    store: Store,
    progress: Report,
    *,
    deployment: str,
    model: str,
    version: int,
    limit: int,
    start: str = "",
    end: str = "",
) -> dict[str, Any]:
    """The last recorded rows of a deployment, answered by a version; `ReplayResult` as JSON.

    `start` and `end` are ISO instants of the events, or empty. Raises Conflict without a recorded
    row, Invalid when the version can take none of them.
    """
    recorded = _recorded(store, deployment, limit, start, end)
    with store.read() as session:
        info = versions.find(session, model, version)
        numbers = sorted({int(number) for number in recorded["version"]})
        before = {n: signature_of(session, deployment, model, n) for n in numbers}
    inputs = recorded_inputs(info.signature, recorded)
    fits = of_right_type(info.signature, inputs)
    takes = answerable(info.signature, inputs) & fits
    recorded = recorded[takes].reset_index(drop=True)
    inputs = inputs[takes].reset_index(drop=True)
    if inputs.empty:
        raise Invalid(f"{info.ref} can answer none of the {len(takes):,} recorded rows.")
    with scoring(store, info, progress) as process:
        scored = process.score(inputs, progress)
    differences = _compared(recorded, before, info.signature, scored)
    return {
        "deployment": deployment,
        "model": model,
        "version": version,
        "versions": numbers,
        "rows": len(takes),
        "answered": len(inputs),
        "of_wrong_type": int((~fits).sum()),
        **differences,
    }


def recorded_inputs(signature: Signature, recorded: pd.DataFrame) -> pd.DataFrame:
    """The inputs of a version as the log has them. Raises Invalid for those that were not sent."""
    import pandas as pd

    columns = {field.name: log.feature_column(field.name) for field in signature.inputs}
    absent = [f.name for f in signature.inputs if f.required and columns[f.name] not in recorded]
    if absent:
        raise Invalid(
            f"the recorded requests do not have {', '.join(absent[:5])}, which the version needs."
        )
    types = {field.name: field.type for field in signature.inputs}
    return pd.DataFrame(
        {
            name: _typed(recorded[column], types[name])
            for name, column in columns.items()
            if column in recorded
        },
        index=recorded.index,
    )


def _typed(column: pd.Series[Any], kind: str) -> pd.Series[Any]:
    """A column with its own types again: where one row held a text, the log has texts only."""
    import pandas as pd

    if kind not in PARSED or pd.api.types.infer_dtype(column, skipna=True) != "string":
        return column
    return pd.Series([_parsed(value, kind) for value in column], column.index, dtype=object)


def _parsed(value: Any, kind: str) -> Any:
    """The value that a text stands for; the text where it is none of the kind."""
    if not isinstance(value, str):
        return value
    try:
        return PARSED[kind](value)
    except (ValueError, KeyError):
        return value


def _recorded(store: Store, deployment: str, limit: int, start: str, end: str) -> pd.DataFrame:
    if start or end:
        frame = log.predictions(store.folder, deployment, _instant(start), _instant(end))
        frame = frame.tail(limit).reset_index(drop=True)
    else:
        frame = log.recent(store.folder, deployment, limit)
    if frame.empty:
        raise Conflict(f"{deployment!r} has no recorded request in that time.")
    return frame


def _instant(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _compared(
    recorded: pd.DataFrame, before: dict[int, Signature], signature: Signature, scored: Scored
) -> dict[str, Any]:
    """Decisions and numbers, before and after."""
    old, new = _old_decisions(recorded, before), scored.predictions(signature)
    changed = [_differs(was, now) for was, now in zip(old, new, strict=True)]
    moves = _moves(recorded, signature, scored)
    decisions: Counter[tuple[str, str]] = Counter()
    if signature.classes:
        pairs = zip(old, new, changed, strict=True)
        decisions.update((str(was), str(now)) for was, now, other in pairs if other)
    return {
        "changed": sum(changed),
        "decisions": [
            asdict(DecisionChange(was, now, rows))
            for (was, now), rows in decisions.most_common(MAX_DECISIONS)
        ],
        "differences": [asdict(_difference(name, moved)) for name, moved in moves.items()],
        "changes": _changes(recorded, old, new, changed, next(iter(moves.values()), None)),
    }


def _old_decisions(recorded: pd.DataFrame, before: dict[int, Signature]) -> list[Any]:
    """What was decided, by the version that answered; None where the log does not say it all."""
    result: list[Any] = [None] * len(recorded)
    for version, signature in before.items():
        rows = recorded[recorded["version"] == version]
        columns = {
            name: rows[column].tolist()
            for name, column in log.output_columns(signature).items()
            if column in rows
        }
        try:
            values = task_of(signature).predictions(signature, columns)
        except (LookupError, TypeError, ValueError):  # such as classes that were not logged
            continue
        for position, value in zip(rows.index, values, strict=True):
            result[position] = value
    return result


def _differs(was: Any, now: Any) -> bool:
    if was is None:
        return False
    if isinstance(was, float) or isinstance(now, float):
        try:
            return abs(float(was) - float(now)) > SAME * max(abs(float(was)), 1.0)
        except (TypeError, ValueError):
            return True
    return bool(was != now) and str(was) != str(now)


def _moves(
    recorded: pd.DataFrame, signature: Signature, scored: Scored
) -> dict[str, pd.Series[float]]:
    """The difference of each numeric output that both have, row by row."""
    import pandas as pd

    moves = {}
    for name, column in log.output_columns(signature).items():
        if column not in recorded or name not in scored.columns:
            continue
        was = pd.to_numeric(recorded[column], errors="coerce")
        now = pd.to_numeric(pd.Series(scored.columns[name], index=recorded.index), errors="coerce")
        moved = now - was
        if moved.notna().any():
            moves[name] = moved
    return moves


def _difference(name: str, moved: pd.Series[float]) -> OutputDifference:
    size = moved.dropna().abs()
    return OutputDifference(
        output=name,
        mean=float(moved.mean()),
        median=float(size.median()),
        p95=float(size.quantile(0.95)),
        largest=float(size.max()),
    )


def _changes(
    recorded: pd.DataFrame,
    old: Sequence[Any],
    new: Sequence[Any],
    changed: Sequence[bool],
    moved: pd.Series[float] | None,
) -> list[dict[str, Any]]:
    """The rows that changed most: another decision first, then the larger difference."""
    sizes = [0.0] * len(changed) if moved is None else moved.fillna(0.0).tolist()
    order = sorted(range(len(changed)), key=lambda row: (not changed[row], -abs(sizes[row])))
    rows = [row for row in order if changed[row] or sizes[row]][:MAX_CHANGES]
    return [
        {
            "prediction_id": str(recorded["prediction_id"][row]),
            "event_at": recorded["event_at"][row].isoformat(),
            "version": int(recorded["version"][row]),
            "before": _text(old[row]),
            "after": _text(new[row]),
            "difference": None if moved is None else sizes[row],
        }
        for row in rows
    ]


def _text(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
