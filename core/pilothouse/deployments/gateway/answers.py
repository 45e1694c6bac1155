"""What a model process answered, as output columns and predictions."""

from __future__ import annotations

from pilothouse.deployments.gateway.tensors import InferenceResponse, ModelTensors
from pilothouse.kit.errors import PilothouseError
from pilothouse.models.signature import Signature
from pilothouse.models.tasks import Columns, OutputColumn, Row, Task, task_of

NULL = type(None)
LOGGED_TYPES = {
    "number": frozenset((int, float, NULL)),
    "category": frozenset((str, int, float, bool, NULL)),
}


class AnswerReader:
    """Reads the answers of one model version: its task decides what its raw rows mean.

    It is made once per version and used for every request.
    """

    def __init__(self, signature: Signature) -> None:
        self.signature = signature
        self.task: Task = task_of(signature)
        self.logged: tuple[OutputColumn, ...] = self.task.columns(signature)
        self.tensors = ModelTensors(signature)

    def response(
        self, deployment: str, version: int, request_id: str, ids: list[str], rows: list[Row]
    ) -> InferenceResponse:
        """The response with a model's raw rows, one an id.

        Raises PilothouseError when they do not fit the signature: what cannot be logged is not
        answered.
        """
        if len(rows) != len(ids):
            raise _unfit(f"it answered {len(rows)} rows, and was sent {len(ids)}")
        try:
            columns = self.task.decide(self.signature, rows)
            predictions = self.task.predictions(self.signature, columns)
        except (ValueError, TypeError, LookupError) as wrong:
            raise _unfit(f"its answer does not fit its signature: {wrong}") from wrong
        self._check(columns)
        return InferenceResponse(
            deployment=deployment,
            version=version,
            request_id=request_id,
            prediction_ids=ids,
            rows=rows,
            columns=columns,
            predictions=predictions,
            logged={column.name: columns[column.name] for column in self.logged},
            tensors=self.tensors,
        )

    def _check(self, columns: Columns) -> None:
        for column in self.logged:
            types = set(map(type, columns[column.name]))
            if not types <= LOGGED_TYPES[column.kind]:
                names = ", ".join(sorted(kind.__name__ for kind in types))
                raise _unfit(f"its output {column.name!r} is a {column.kind}, and it holds {names}")


def _unfit(reason: str) -> PilothouseError:
    return PilothouseError(f"the model failed: {reason}.")
