"""Which engine may answer for a model: the first whose answers are those of the library.

Each engine is compared with the library when a model process has loaded the model: all drawn rows
together, all rows at the edges together, and some of both one by one; all edges where the library
refuses some. What the library refuses, the engine has to refuse in the same words. An engine that
differs by more than its tolerance does not serve, and the reason is part of the result.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Protocol, runtime_checkable

from pilothouse.models.columns import Columns, as_lists
from pilothouse.models.engines import LIBRARY, AnswerEngine, Compute, engines, in_order
from pilothouse.models.fitted_estimator import FittedEstimator
from pilothouse.models.formats import LoadedModel
from pilothouse.models.probe_rows import drawn_rows, edge_rows

log = logging.getLogger("pilothouse.engines")
DRAWN_ROWS = 512
SINGLE_ROWS, FEW_SINGLE_ROWS = 32, 8  # of the drawn ones and of the edges each
MAX_REASON = 200
# Of CPU for the library's own answers to single rows: for more than few, and for those of edges
# where it refuses some. PERF: a forest takes 4 ms a row, at each start of a process.
MORE_SECONDS, BUDGET_SECONDS = 0.1, 2.0
Lists = list[list[Any]]


@runtime_checkable
class EngineModel(LoadedModel, Protocol):
    """A model of a format whose answers an engine may compute."""

    @property
    def fitted(self) -> FittedEstimator:
        """The fitted model itself."""
        ...

    def rows(self, values: Any, count: int) -> Lists:
        """Raw rows of what the model's method returned for so many rows."""
        ...


@dataclass(frozen=True)
class EngineResult:
    """The engine that answers, and how its answers were compared with the library's.

    `rows` were compared; `difference` is the largest one of a number. `refused` says why engines
    that come first do not serve. The microseconds are those of one row.
    """

    engine: str = LIBRARY
    rows: int = 0
    difference: float = 0.0
    tolerance: float = 0.0
    microseconds: float = 0.0
    library_microseconds: float = 0.0
    refused: dict[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The engine's title."""
        names = engines.names() if self.engine != LIBRARY else []
        return engines.get(self.engine).title if self.engine in names else "Library"

    @property
    def sentence(self) -> str:
        """Who answers, how that was compared, and why others do not: for people."""
        text = "The library itself answers."
        if self.engine != LIBRARY:
            same = "equal to the library's"
            if self.difference:
                same = f"within {self.difference:.2g} of the library's"
            text = (
                f"{self.title} answers: {same} on {self.rows:,} rows, "
                f"{self.microseconds:,.0f} microseconds of CPU for a row instead of "
                f"{self.library_microseconds:,.0f}."
            )
        for name, reason in self.refused.items():
            text += f" {name} does not: {reason}."
        return text

    def to_json(self) -> dict[str, Any]:
        """A plain JSON value."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> EngineResult:
        """The result that `to_json` wrote, in this version of Pilothouse or in another."""
        names = {part.name for part in fields(cls)}
        return cls(**{name: part for name, part in value.items() if name in names})


class ServedModel:
    """A model whose answers an engine computes."""

    def __init__(self, model: EngineModel, compute: Compute, *, is_steady: bool) -> None:
        self.is_steady = is_steady
        self._model = model
        self._compute = compute
        self.takes_numbers = model.fitted.signature.takes_numbers_only

    def inspect(self) -> dict[str, Any]:
        """What the library's model says of itself."""
        return self._model.inspect()

    def predict(self, columns: Columns) -> Lists:
        """Raw rows."""
        return self._model.rows(self._compute(columns), len(columns[0]))


def choose_engine(
    model: LoadedModel, example: Sequence[dict[str, Any]]
) -> tuple[LoadedModel, EngineResult]:
    """The model as it shall answer, and the result of the comparison that decided it.

    A model of a format without engines answers itself.
    """
    if not isinstance(model, EngineModel) or not model.fitted.signature.inputs:
        return model, EngineResult()
    signature = model.fitted.signature
    rows = drawn_rows(signature, DRAWN_ROWS, example), edge_rows(signature, example)
    own: _Reference | None = None
    refused: dict[str, str] = {}
    for name, engine in in_order():
        compute = _built(engine, model.fitted, refused, name)
        if compute is None:
            continue
        own = own or _Reference(model, *rows)
        served = ServedModel(model, compute, is_steady=engine.is_steady)
        try:
            result = own.compared(served, name, engine)
        except Exception as wrong:  # whatever an engine raises, the library answers
            refused[name] = _reason(wrong)
            continue
        if isinstance(result, EngineResult):
            return served, EngineResult(**{**asdict(result), "refused": refused})
        refused[name] = result
    return model, EngineResult(refused=refused)


def _built(
    engine: AnswerEngine, fitted: FittedEstimator, refused: dict[str, str], name: str
) -> Compute | None:
    try:
        return engine.build(fitted)
    except ImportError as absent:  # an engine of an extra
        refused[name] = str(absent)
    except Exception as wrong:  # a version of a library that the engine does not know
        refused[name] = _reason(wrong)
    return None


def _reason(wrong: Exception) -> str:
    """What an engine raised, in one line: converters print whole models."""
    text = str(wrong).partition("\n")[0]
    return f"{type(wrong).__name__}: {text[:MAX_REASON]}{'...' if len(text) > MAX_REASON else ''}"


class _Reference:
    """The library's answers, computed once for all engines."""

    def __init__(self, model: LoadedModel, drawn: Lists, edges: Lists) -> None:
        self._batches = [(columns, _outcome(model, columns)) for columns in (drawn, edges)]
        self._singles: list[tuple[Lists, Lists | str]] = []
        began = time.thread_time()
        few, more, seconds = self._single_rows(drawn, edges)
        for number, columns in enumerate((*few, *more)):
            spent = time.thread_time() - began
            if spent > BUDGET_SECONDS or (number >= len(few) and spent > seconds):
                log.info("%d rows were compared one by one", number)
                break
            self._singles.append((columns, _outcome(model, columns)))
        spent = time.thread_time() - began
        self._microseconds = 1e6 * spent / max(len(self._singles), 1)

    def _single_rows(self, drawn: Lists, edges: Lists) -> tuple[list[Lists], list[Lists], float]:
        """A few rows to ask one by one, more for so many seconds: those of all edges where the
        library refuses some."""
        count = len(edges[0]) if edges else 0
        chosen = [_row(drawn, at) for at in range(SINGLE_ROWS)]
        if isinstance(self._batches[1][1], str):
            return chosen, [_row(edges, at) for at in range(count)], BUDGET_SECONDS
        of_edges = [_row(edges, at) for at in range(0, count, max(1, count // SINGLE_ROWS))]
        step = SINGLE_ROWS // FEW_SINGLE_ROWS
        few = [*chosen[::step], *of_edges[::step]]
        rest = [row for rows in (chosen, of_edges) for at, row in enumerate(rows) if at % step]
        return few, rest, MORE_SECONDS

    def compared(self, served: ServedModel, name: str, engine: AnswerEngine) -> EngineResult | str:
        """The result for an engine, or how its answers differ."""
        pairs = [(expected, _outcome(served, columns)) for columns, expected in self._batches]
        began = time.thread_time()
        answers = [_outcome(served, columns) for columns, _ in self._singles]
        spent = time.thread_time() - began
        pairs += [(own, answer) for (_, own), answer in zip(self._singles, answers, strict=True)]
        largest = 0.0
        for expected, answer in pairs:
            difference = _difference(expected, answer)
            if difference > engine.tolerance:
                return f"an answer differs by {difference:.3g}, more than {engine.tolerance:g}"
            largest = max(largest, difference)
        return EngineResult(
            engine=name,
            rows=sum(len(columns[0]) for columns, _ in self._batches if columns),
            difference=largest,
            tolerance=engine.tolerance,
            microseconds=round(1e6 * spent / max(len(answers), 1), 1),
            library_microseconds=round(self._microseconds, 1),
        )


def _outcome(model: LoadedModel | ServedModel, columns: Lists) -> Lists | str:
    """Raw rows, or what predicting them raised: a model may fail on rows that nobody sends."""
    try:
        return model.predict(as_lists(columns))
    except Exception as refused:
        return f"{type(refused).__name__}: {refused}"


def _row(columns: Lists, at: int) -> Lists:
    return [[values[at]] for values in columns]


def _difference(expected: Lists | str, own: Lists | str) -> float:
    """The largest difference of two answers; infinite for labels or shapes that are not equal.

    Of numbers beyond 1 it is relative.
    """
    if isinstance(expected, str) or isinstance(own, str):
        return 0.0 if expected == own else float("inf")
    if [len(row) for row in expected] != [len(row) for row in own]:
        return float("inf")
    values = zip((v for row in expected for v in row), (v for row in own for v in row), strict=True)
    return max((_distance(left, right) for left, right in values), default=0.0)


def _distance(left: Any, right: Any) -> float:
    if left == right or (left != left and right != right):
        return 0.0
    if isinstance(left, float) and isinstance(right, float):
        distance = abs(left - right) / max(1.0, abs(left))
        return distance if distance == distance else float("inf")
    return float("inf")
