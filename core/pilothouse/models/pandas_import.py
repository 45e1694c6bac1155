"""Keeps pandas out of a model process that needs no frame.

scikit-learn imports pandas where it is installed, only to test whether its inputs are frames:
`sklearn.utils.fixes` does when it is imported, `ColumnTransformer.transform` (which histogram
gradient boosting uses for categories) with every call. Both do without where the import fails, so
it is made to fail. A finder does that, and not `sys.modules["pandas"] = None`, because libraries
look pandas up in `sys.modules` and take what is there for the module.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

PANDAS = "pandas"


class _Refusal(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname == PANDAS:
            raise ModuleNotFoundError("this model process does without pandas", name=PANDAS)
        return None


_refusal = _Refusal()


def refuse() -> None:
    """From now on `import pandas` fails, unless pandas is loaded already."""
    if PANDAS not in sys.modules and _refusal not in sys.meta_path:
        sys.meta_path.insert(0, _refusal)


def allow() -> bool:
    """Pandas can be imported again; whether that is a change."""
    if _refusal not in sys.meta_path:
        return False
    sys.meta_path.remove(_refusal)
    return True


@contextmanager
def refused() -> Iterator[None]:
    """Within this block `import pandas` fails, unless pandas is loaded already."""
    refuse()
    try:
        yield
    finally:
        allow()
