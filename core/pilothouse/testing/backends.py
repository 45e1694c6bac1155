"""What every backend for the parts of jobs promises."""

from __future__ import annotations

from contextlib import closing

from pilothouse.jobs.backends import ComputeBackend
from pilothouse.kit.settings import Settings


def check_backend(name: str, backend: ComputeBackend) -> None:
    """Raise AssertionError, with what is wrong, unless the backend keeps every promise.

    One without an address runs here, and is tried; a cluster has to be there for any other.
    """
    assert backend.title.strip(), f"{name}: it has no title"
    assert backend.description.strip().endswith("."), f"{name}: its description is no sentence"
    assert bool(backend.needs) == bool(backend.extra), f"{name}: a package without its extra"
    if backend.setting:
        assert backend.setting in Settings.model_fields, f"{name}: no setting {backend.setting!r}"
        return
    with closing(backend.connect("")) as runner:
        results = list(runner.map(_multiplied, 7, [(1,), (2,), (3,)]))
        assert results == [7, 14, 21], f"{name}: results come in another order: {results}"
        try:
            list(runner.map(_multiplied, 7, [(None,)]))
        except TypeError:
            return
    raise AssertionError(f"{name}: the error of a part does not come through")


def _multiplied(data: int, factor: int) -> int:
    return data * factor
