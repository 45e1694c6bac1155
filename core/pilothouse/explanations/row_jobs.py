"""What child processes do for single rows: which columns move an answer, and what would change it.

The result of the job keeps it; nothing else is stored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pilothouse.deployments.scoring import ScoringProcess, scoring
from pilothouse.explanations import shapley
from pilothouse.explanations.counterfactual import ColumnScale, CounterfactualSearch
from pilothouse.explanations.explained_output import output_named
from pilothouse.explanations.explained_rows import plain_value
from pilothouse.explanations.held_out import background, plain_frame
from pilothouse.explanations.row_goal import row_goal
from pilothouse.jobs import Progress
from pilothouse.kit.errors import Conflict, Invalid
from pilothouse.models.answers import answer_arrays
from pilothouse.registry import Registry
from pilothouse.registry.info import VersionInfo
from pilothouse.storage import Store

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.models.answers import Outputs

SEARCH_ROWS = 200  # whose values a counterfactual may take
SCALE_ROWS = 2_000


@dataclass(frozen=True)
class AskedModel:
    """A model process of a version, model_process for the answers to plain rows."""

    info: VersionInfo
    process: ScoringProcess

    def outputs(self, frame: pd.DataFrame) -> Outputs:
        """The output columns of rows."""
        scored = self.process.score(frame, lambda *_: None)
        return answer_arrays(self.info.signature, scored.columns)

    def prediction(self, frame: pd.DataFrame) -> Any:
        """What a person would call the answer to the first row."""
        scored = self.process.score(frame, lambda *_: None)
        return scored.predictions(self.info.signature)[0]


@contextmanager
def asking(store: Store, model: str, version: int) -> Iterator[AskedModel]:
    """A version in a model process, for the block."""
    info = Registry(store).version(model, version)
    with scoring(store, info, lambda *_: None) as process:
        yield AskedModel(info, process)


def explain_row(
    store: Store,
    progress: Progress,
    *,
    model: str,
    version: int,
    record: Mapping[str, Any],
    output: str,
    source: str,
) -> dict[str, Any]:
    """Shapley values of a record against background rows of the version."""
    with asking(store, model, version) as model_process:
        signature = model_process.info.signature
        row = record_frame(model_process.info, record)
        answer = model_process.prediction(row)
        chosen = output_named(signature, output, answer)
        count = shapley.background_rows(len(row.columns))
        others, description = background(store, model_process.info, count)
        progress(0.1, f"explaining {model_process.info.ref} against {description}")
        values = shapley.shapley_values(
            lambda frame: chosen.values(signature, model_process.outputs(frame)),
            row,
            others,
            report=lambda share: progress(
                0.1 + 0.9 * share, f"explaining {model_process.info.ref}"
            ),
        )
    columns = [
        {"column": name, "value": plain_value(row[name].iloc[0]), "contribution": contribution,
         "error": plain_value(values.errors[name]), "typical": _typical(others[name])}
        for name, contribution in values.values.items()
    ]  # fmt: skip
    columns.sort(key=lambda column: -abs(column["contribution"]))
    return {
        "model": model,
        "version": version,
        "source": source,
        "prediction": answer,
        "output": chosen.to_json(),
        "base": values.base,
        "answer": values.answer,
        "columns": columns,
        "background": description,
        "answered": values.answered,
    }


def find_counterfactual(
    store: Store,
    progress: Progress,
    *,
    model: str,
    version: int,
    record: Mapping[str, Any],
    columns: Sequence[str],
    goal: Mapping[str, Any],
    source: str,
) -> dict[str, Any]:
    """The nearest changes of `columns` of a record that reach a goal, answered by the model."""
    with asking(store, model, version) as model_process:
        row = record_frame(model_process.info, record)
        present = model_process.prediction(row)
        aim = row_goal(model_process.info.signature, present, **goal)
        if aim.judge(model_process.outputs(row))[0][0]:
            raise Conflict(f"the answer reaches the goal already: {aim.text}.")
        rows, description = background(store, model_process.info, SCALE_ROWS)
        progress(0.1, f"searching the nearest change to {aim.text}")
        own = row.iloc[0].to_dict()
        fields = {field.name: field for field in model_process.info.signature.inputs}
        scales = {
            name: ColumnScale.of(fields[name], own[name], rows[name])
            for name in allowed_columns(model_process.info, columns)
        }
        search = CounterfactualSearch(row, scales, lambda f: aim.judge(model_process.outputs(f)))
        nearest = search.nearest(rows.iloc[:SEARCH_ROWS])
        changes: Mapping[str, Any] = nearest.changes if nearest else {}
        after = model_process.prediction(search.rows_of([changes])) if nearest else None
    return {
        "model": model,
        "version": version,
        "source": source,
        "goal": aim.text,
        "columns": list(scales),
        "reached": nearest is not None,
        "changes": [
            {"column": name, "before": own[name], "after": value,
             "distance": scales[name].distance(value)}
            for name, value in changes.items()
        ],
        "distance": nearest.distance if nearest else None,
        "prediction": present,
        "prediction_after": after,
        "background": description,
        "answered": search.answered,
    }  # fmt: skip


def record_frame(info: VersionInfo, record: Mapping[str, Any]) -> pd.DataFrame:
    """A record as a plain row. Raises Invalid for a missing or a wrong value."""
    import pandas as pd

    frame = pd.DataFrame({name: pd.Series([value], dtype=object) for name, value in record.items()})
    return plain_frame(info.signature, frame)


def allowed_columns(info: VersionInfo, columns: Sequence[str]) -> list[str]:
    """The columns that may change: the named ones, or all but times. Raises Invalid."""
    free = [f.name for f in info.signature.inputs if f.type != "time"]
    if unknown := [name for name in columns if name not in free]:
        raise Invalid(
            f"{info.ref} has no input {', '.join(unknown)} that may change.",
            fields={"columns": "no such input"},
        )
    return list(columns) or free


def _typical(values: pd.Series[Any]) -> Any:
    """The median of numbers, else the most frequent value of background rows."""
    present = values.dropna()
    if present.empty:
        return None
    if present.map(lambda v: isinstance(v, int | float) and not isinstance(v, bool)).all():
        return float(present.astype(float).median())
    return present.value_counts().index[0]
