"""Batch prediction: the answers of a version to every row of a dataset version, as a new dataset.

It runs in child processes only, and may be repeated after a kill: the same answers are the same
version of the dataset.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pilothouse.data import Data
from pilothouse.data import versions as data_versions
from pilothouse.deployments.block_scoring import score_blocks
from pilothouse.deployments.scoring import answerable
from pilothouse.jobs import Progress
from pilothouse.kit.errors import Invalid
from pilothouse.models.tasks import PREDICT, task_of
from pilothouse.pipelines.labelled_rows import check_inputs, with_texts
from pilothouse.registry import Registry
from pilothouse.registry.info import VersionInfo
from pilothouse.storage import Store

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.data.info import DatasetVersionInfo

ROW = "row"
OUTPUT_PREFIX = "out."
SUFFIX = "-predictions"


def predict_dataset(
    store: Store,
    progress: Progress,
    *,
    model: str,
    version: int,
    dataset: str,
    name: str,
    columns: Sequence[str] | None,
) -> dict[str, Any]:
    """Answer every row and register the answers with the rows' ids as a version of `name`.

    `columns` are carried over, by default those that the model does not take. A row without a value
    that the model needs has no answer. The result names the new dataset version. Raises Invalid for
    inputs and columns that are not there, and what `scoring` raises.
    """
    info = Registry(store).version(model, version)
    with store.read() as session:
        data = data_versions.require(session, dataset)
        carried = carried_columns(info, data, columns)
        check_inputs(info.signature, data.column_names, data.ref)
        present = [field for field in info.signature.names if field in data.column_names]
        needed = list(dict.fromkeys([*present, *carried]))
        frame = data_versions.read_frame(store, session, data.ref, needed).reset_index(drop=True)

    answered = answerable(info.signature, frame)
    if not answered.any():
        raise Invalid(f"no row of {data.ref} has all values that {info.ref} needs.")
    inputs = with_texts(data, info.signature, frame.loc[answered, present])
    outputs = _outputs(store, info, inputs, progress)
    result = _joined(frame[carried], outputs)
    registered = Data(store).register(
        name or prediction_name(data),
        result,
        origin=f"predictions of {info.ref} on {data.ref}",
        tags={"model": info.ref},
        parent=data.ref,
        event_time=data.event_time if data.event_time in carried else "",
        on_breach="accept",  # another version of the model may have other classes
    )
    unanswered = int((~answered).sum())
    return {
        "dataset": registered.ref,
        "model": info.model,
        "version": info.version,
        "of": data.ref,
        "rows": len(result),
        **({"without_needed_value": unanswered} if unanswered else {}),
    }


def prediction_name(data: DatasetVersionInfo) -> str:
    """The dataset that predictions go to unless another one is named."""
    return f"{data.ref.rpartition('@')[0]}{SUFFIX}"


def carried_columns(
    version: VersionInfo, data: DatasetVersionInfo, chosen: Sequence[str] | None
) -> list[str]:
    """The columns that stand beside the answers; by default those that the model does not take.

    Raises Invalid for a column that the dataset version does not have.
    """
    names = list(data.column_names)
    if chosen is None:
        return [name for name in names if name not in version.signature.names]
    if missing := [name for name in chosen if name not in names]:
        raise Invalid(
            f"{data.ref} has no column {', '.join(missing)}.",
            hint=f"It has {', '.join(names[:20])}.",
            fields={"columns": "no such column"},
        )
    return list(chosen)


def _outputs(
    store: Store, version: VersionInfo, rows: pd.DataFrame, progress: Progress
) -> pd.DataFrame:
    """The output columns of the rows, and the class that a threshold makes of a score."""
    import pandas as pd

    signature, task = version.signature, task_of(version.signature)
    scored = score_blocks(store, version, rows, progress)
    outputs = {
        column.name: scored.columns[column.name]
        for column in task.columns(signature)
        if column.name in scored.columns
    }
    if PREDICT not in outputs and task.has_threshold:
        outputs[PREDICT] = [_as_cell(value) for value in scored.predictions(signature)]
    columns = {name: pd.Series(values, rows.index) for name, values in outputs.items()}
    return pd.DataFrame(columns, rows.index)


def _as_cell(value: Any) -> Any:
    return ";".join(map(str, value)) if isinstance(value, list) else value


def _joined(carried: pd.DataFrame, outputs: pd.DataFrame) -> pd.DataFrame:
    """Carried columns, then answers; an answer whose name is taken gets a prefix."""
    taken = {name: f"{OUTPUT_PREFIX}{name}" for name in outputs if name in carried}
    result = carried.join(outputs.rename(columns=taken))
    if ROW not in result:
        result.insert(0, ROW, range(len(result)))
    return result
