"""Models that misbehave as real ones do: they hang, leak, raise, are slow, or learnt nothing.

Their code is a text in the file, which is evaluated when the file is loaded, so that it needs no
module beside the model process.
"""

from __future__ import annotations

import io
from typing import Any

from harness.serving import trained


class _Evaluated:
    """A function that a file brings along."""

    def __init__(self, source: str) -> None:
        self._source = source

    def __reduce__(self) -> tuple[Any, ...]:
        return eval, (self._source,)


def with_step(source: str, strength: float = 1.0) -> bytes:
    """The pipeline of `trained` behind a function of its rows, given as a text."""
    import joblib
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import FunctionTransformer

    model = joblib.load(io.BytesIO(trained(strength)))
    step = FunctionTransformer(_Evaluated(source))  # type: ignore[arg-type]
    return _written(Pipeline([("odd", step), *model.steps]))


def hanging(distance: float = 1e6) -> bytes:
    """It works for ever on a row of at least that distance."""
    return with_step(
        f"lambda X: X if X['distance'].max() < {distance} else __import__('time').sleep(36000)"
    )


def leaking(megabytes: int = 1) -> bytes:
    """It keeps so much memory with every batch."""
    kept = f"bytearray(b'x' * ({megabytes} << 20))"
    return with_step(f"lambda X, kept=[]: (kept.append({kept}), X)[1]")


def crashing() -> bytes:
    """It ends its process while it is loaded."""
    return _written(_Evaluated("__import__('os')._exit(7)"))


def raising(share: float = 0.05) -> bytes:
    """It raises for a share of the rows, by their distance."""
    return with_step(
        f"lambda X: X if ((X['distance'] * 7.0 + 0.5) % 1.0 >= {share}).all() "
        "else (_ for _ in ()).throw(RuntimeError('no such row'))"
    )


def slow(milliseconds: float) -> bytes:
    """Every batch takes so much longer."""
    return with_step(f"lambda X: (__import__('time').sleep({milliseconds / 1_000}), X)[1]")


def of_shuffled_labels() -> bytes:
    """It has learnt nothing: the labels were shuffled."""
    return trained(1.0, shuffled=True)


def _written(model: Any) -> bytes:
    import joblib

    file = io.BytesIO()
    joblib.dump(model, file)
    return file.getvalue()
