"""Which columns of rows that were predicted elsewhere hold the id, the outputs, the label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pilothouse.deployments.gateway.request import join_names
from pilothouse.deployments.prediction_log.stored_columns import output_column
from pilothouse.kit.errors import Invalid
from pilothouse.models.signature import Signature
from pilothouse.models.tasks import OutputColumn, task_of

ID_NAMES = ("prediction_id", "prediction_ids", "predictionid", "id", "ids")
LABEL_NAMES = ("label", "labels", "truth", "actual", "outcome", "target", "class", "y")
LABEL_TIME_NAMES = ("label_at", "labelled_at", "label_time")
TIME_NAMES = ("event_at", "event_time", "at", "timestamp", "time", "datetime", "date")
ONLY_OUTPUT_NAMES = ("prediction", "predicted", "predict", "score", "probability", "y_pred")


@dataclass(frozen=True)
class PredictionColumns:
    """Which columns hold what; inputs are found by their own names.

    `outputs` maps the name of an output that is sent to its column. Without a column of times, a
    prediction has the time of receipt.
    """

    id: str
    outputs: Mapping[str, str] = field(default_factory=dict)
    at: str | None = None
    label: str | None = None
    label_at: str | None = None


def guess_columns(names: Sequence[str], signature: Signature) -> PredictionColumns:
    """The columns by their usual names; an empty name where none fits."""
    by_word = names_by_word(names)
    free = {word: name for word, name in by_word.items() if name not in signature.names}
    sent = task_of(signature).sent_columns(signature)
    outputs = {
        output.name: first_named(by_word, _output_names(output, sent)) or "" for output in sent
    }
    for word in [word for word, name in free.items() if name in outputs.values()]:
        del free[word]
    target = (_word(signature.target),) if signature.target else ()
    return PredictionColumns(
        id=first_named(by_word, ID_NAMES) or "",
        outputs=outputs,
        at=first_named(free, TIME_NAMES),
        label=first_named(free, (*target, *LABEL_NAMES)),
        label_at=first_named(free, LABEL_TIME_NAMES),
    )


def resolve_columns(
    names: Sequence[str], signature: Signature, columns: PredictionColumns | None
) -> PredictionColumns:
    """The chosen columns, or those that the names suggest. Raises Invalid when one is absent."""
    chosen = columns or guess_columns(names, signature)
    sent = {output.name: output for output in task_of(signature).sent_columns(signature)}
    needed = {"id": chosen.id}
    needed |= {f"output {name!r}": chosen.outputs.get(name, "") for name in sent}
    optional = {"event time": chosen.at, "label": chosen.label, "label time": chosen.label_at}
    needed |= {part: name for part, name in optional.items() if name is not None}
    absent = {
        part: f"there is no column {name!r}" if name else f"no column holds the {part}"
        for part, name in needed.items()
        if name not in names
    }
    if absent:
        raise Invalid(
            f"{'; '.join(absent.values())}.",
            hint=f"The columns are: {join_names(names)}.",
            fields=absent,
        )
    unknown = [name for name in chosen.outputs if name not in sent]
    if unknown:
        raise Invalid(
            f"there is no output {unknown[0]!r} to send.", hint=f"Outputs: {', '.join(sent)}."
        )
    return chosen


def columns_from_json(value: Any) -> PredictionColumns | None:
    """The `columns` of a request. Raises Invalid for anything but names of columns."""
    if value is None:
        return None
    if not isinstance(value, dict):
        raise Invalid("`columns` must be an object.", hint=_HINT)
    outputs = value.get("outputs", {})
    parts = {key: part for key, part in value.items() if key != "outputs"}
    unknown = [key for key in parts if key not in ("id", "at", "label", "label_at")]
    plain = isinstance(outputs, dict) and all(
        isinstance(name, str) for name in (*parts.values(), *outputs.values())
    )
    if unknown or not plain or "id" not in parts:
        raise Invalid("`columns` names no columns that can be read.", hint=_HINT)
    return PredictionColumns(outputs=outputs, **parts)


_HINT = "It has `id` and, where there are any, `at`, `label`, `label_at` and `outputs`."


def _output_names(output: OutputColumn, sent: Sequence[OutputColumn]) -> tuple[str, ...]:
    own = (_word(output_column(output.name)), _word(output.name), _word(output.title))
    return own if len(sent) > 1 else (*own, *ONLY_OUTPUT_NAMES)


def names_by_word(names: Sequence[str]) -> dict[str, str]:
    """Names of columns as they are compared; of several that are alike, the first."""
    return {_word(name): name for name in reversed(names)}


def first_named(by_word: Mapping[str, str], candidates: Sequence[str]) -> str | None:
    """The column that has the first candidate's name for which there is one."""
    return next((by_word[word] for word in candidates if word in by_word), None)


def _word(name: str) -> str:
    return name.strip().casefold().replace(" ", "_")
