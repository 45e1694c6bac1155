"""ONNX Runtime: the whole pipeline as one graph of compiled operators, in the extra `onnx`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pilothouse.models.columns import Columns, Lists, as_lists
from pilothouse.models.engines import Compute, engines
from pilothouse.models.first_matrix import matrix_of, steps_of
from pilothouse.models.fitted_estimator import FittedEstimator
from pilothouse.models.signature import SignatureField

Feed = Callable[[Lists], dict[str, Any]]
MATRIX = "rows"
NUMBERS = ("number", "integer")
TREES = ("Tree", "Forest", "Boosting", "Bagging")
# Steps that hand on numbers as they are. Behind others, a number that was computed in float32 may
# lie on the other side of a split.
PLAIN_STEPS = frozenset(
    ("ColumnTransformer", "OneHotEncoder", "OrdinalEncoder", "Pipeline", "SimpleImputer")
)
NEAR = 1e-4  # of a decision: the library makes it
MISSING = "onnxruntime and skl2onnx are not installed: they are Pilothouse's extra `onnx`"


@engines.register("onnx_runtime")
class OnnxEngine:
    """For pipelines that skl2onnx converts; rows it may treat otherwise are left to the library."""

    title = "ONNX Runtime"
    description = (
        "The pipeline, converted to ONNX when its process starts. The library answers rows with "
        "missing values, with categories that training never saw, or near the limit of a decision."
    )
    order = 25
    tolerance = 1e-5
    is_steady = False

    @staticmethod
    def build(fitted: FittedEstimator) -> Compute | None:
        """For probabilities and numbers from numbers and texts. Raises ImportError."""
        if not _is_convertible(fitted):
            return None
        try:
            import onnxruntime  # noqa: F401
            import skl2onnx  # noqa: F401
        except ImportError as absent:
            raise ImportError(MISSING) from absent
        import numpy as np

        feed, answer = _graph(fitted)
        library = getattr(fitted.model, fitted.method)
        fields, threshold = fitted.signature.inputs, fitted.signature.threshold

        def compute(columns: Columns) -> Any:
            lists = as_lists(columns)
            pairs = zip(fields, lists, strict=True)
            chosen = np.logical_and.reduce([_is_known(field, part) for field, part in pairs])
            if not chosen.any():
                return library(fitted.inputs(lists))
            is_all = chosen.all()
            own = answer(feed(lists if is_all else _rows_of(lists, chosen)))
            far = ~_is_near(own, threshold)
            if is_all and far.all():
                return own
            chosen[chosen] = far
            other = library(fitted.inputs(_rows_of(lists, ~chosen)))
            values = np.empty((len(chosen), *other.shape[1:]), dtype=other.dtype)
            values[chosen], values[~chosen] = own[far], other
            return values

        return compute


def _is_convertible(fitted: FittedEstimator) -> bool:
    """Whether its columns and answers are those of a table, and float32 does it no harm."""
    kinds = {field.type for field in fitted.signature.inputs}
    has_many = isinstance(getattr(fitted.model, "classes_", None), list)
    is_single = getattr(fitted.model, "n_outputs_", 1) == 1 and not has_many
    if not kinds <= {*NUMBERS, "string"} or not is_single:
        return False
    *_, last = steps_of(fitted.model)
    if hasattr(last, "classes_") and fitted.method == "predict":
        return False  # a label is right or wrong
    name = type(last).__name__
    return "Neighbors" not in name and (not _is_of_trees(last) or _are_plain(fitted.model, last))


def _is_of_trees(model: Any) -> bool:
    return any(word in type(model).__name__ for word in TREES)


def _are_plain(model: Any, last: Any) -> bool:
    """Whether all steps before the last one hand on numbers as they are."""
    steps = [part for part in steps_of(model) if part is not last]
    nested = [
        value
        for step in steps
        for value in (step, *getattr(step, "get_params", dict)().values())
        if hasattr(value, "get_params") and not isinstance(value, type)
    ]
    return {type(step).__name__ for step in nested} <= PLAIN_STEPS


def _graph(fitted: FittedEstimator) -> tuple[Feed, Callable[[dict[str, Any]], Any]]:
    """What makes the graph's inputs, and what answers them.

    Numbers are float64, but trees round theirs to float32 before they compare, and some operators
    have no float64.
    """
    import numpy as np

    feed, model = _feed(fitted, np.float32)
    if _is_of_trees(steps_of(fitted.model)[-1]):
        return feed, _session(model, fitted, feed)
    exact, model = _feed(fitted, np.float64)
    try:
        return exact, _session(model, fitted, exact)
    except Exception:  # whatever a converter or a runtime raises: the other type may do
        return feed, _session(model, fitted, feed)


def _feed(fitted: FittedEstimator, kind: type) -> tuple[Feed, Any]:
    """What makes the graph's inputs, and the model that becomes the graph."""
    import numpy as np
    from sklearn.pipeline import Pipeline

    steps = steps_of(fitted.model)
    start = matrix_of(steps, fitted)
    if start is not None:
        model = Pipeline([(f"step{at}", step) for at, step in enumerate(steps)])
        return lambda columns: {MATRIX: start(columns).astype(kind)}, model

    fields = fitted.signature.inputs

    def by_column(columns: Lists) -> dict[str, Any]:
        pairs = zip(fields, columns, strict=True)
        return {
            field.name: np.array(values, dtype=kind if field.type in NUMBERS else object)[:, None]
            for field, values in pairs
        }

    return by_column, fitted.model


def _session(model: Any, fitted: FittedEstimator, feed: Feed) -> Callable[[dict[str, Any]], Any]:
    """The graph with its inputs typed as `feed` makes them, on one thread."""
    import numpy as np
    import onnxruntime
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, StringTensorType

    blank = [[0.0 if f.type in NUMBERS else ""] for f in fitted.signature.inputs]
    kinds = {np.dtype("f4"): FloatTensorType, np.dtype("f8"): DoubleTensorType}
    types = [
        (name, kinds.get(values.dtype, StringTensorType)([None, values.shape[1]]))
        for name, values in feed(blank).items()
    ]
    is_classifier = hasattr(steps_of(model)[-1], "classes_")
    graph = to_onnx(
        model, initial_types=types, options={"zipmap": False} if is_classifier else None
    )
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    settings.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        graph.SerializeToString(), settings, providers=["CPUExecutionProvider"]
    )
    names = [part.name for part in session.get_outputs()]
    outputs = names[1:2] if fitted.method == "predict_proba" else names[:1]

    def answer(inputs: dict[str, Any]) -> Any:
        [values] = session.run(outputs, inputs)
        return values if is_classifier else values.reshape(len(values))

    return answer


def _is_known(field: SignatureField, values: list[Any]) -> Any:
    """Which values are neither missing nor of a category that training did not see."""
    import numpy as np

    if field.type in NUMBERS:
        return np.isfinite(np.array(values, dtype=np.float64))
    categories = field.categories
    if categories is None:
        return np.array([value is not None for value in values])
    return np.array([value in categories for value in values])


def _is_near(values: Any, threshold: float) -> Any:
    """Which rows of probabilities are so near to a decision that rounding might change it."""
    import numpy as np

    if values.ndim == 1:
        return np.zeros(len(values), dtype=bool)
    largest = np.sort(values, axis=1)[:, -2:]
    is_near_threshold = (np.abs(values - threshold) < NEAR).any(axis=1)
    return is_near_threshold | (largest[:, -1] - largest[:, 0] < NEAR)


def _rows_of(columns: Lists, chosen: Any) -> Lists:
    rows = chosen.nonzero()[0].tolist()
    return [[values[at] for at in rows] for values in columns]
