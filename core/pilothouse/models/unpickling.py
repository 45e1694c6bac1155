"""Unpickling in a model process: with the classes on the list of `models/audit`, or approved.

What is refused has run nothing: a name is tested before it is resolved.
"""

from __future__ import annotations

import inspect
import io
import pickle
from typing import Any

from pilothouse.models.audit import unapproved
from pilothouse.models.audit.archives import decompressed
from pilothouse.models.audit.known_names import BUILDERS, PLAIN_MODULES, is_known, is_known_function

JOBLIB = ("joblib.numpy_pickle", "NumpyArrayWrapper")


def resolve(module: str, name: str) -> Any:
    """The class, builder or function that a known name means. Raises Refused for every other."""
    if not is_known(module, name):
        raise unapproved(f"The model file asks for {module}.{name}.")
    value = pickle.Unpickler(io.BytesIO()).find_class(module, name)
    if not _is_what_it_says(module, name, value):
        raise unapproved(f"The model file asks for {module}.{name}.")
    return value


def _is_what_it_says(module: str, name: str, value: Any) -> bool:
    if (module, name) in BUILDERS or module in PLAIN_MODULES:
        return True
    home = getattr(value, "__module__", None) or module
    if is_known_function(module, name):
        return (inspect.isfunction(value) and home == module) or _is_ufunc(value)
    if not inspect.isclass(value):
        return False
    # A module may import anything, such as Path: what counts is where a class is at home. pandas
    # and numpy give some the name of the whole library.
    return is_known(home, value.__qualname__) or home == module.partition(".")[0]


def _is_ufunc(value: Any) -> bool:
    return type(value).__module__ == "numpy" and type(value).__name__ == "ufunc"


class KnownClassUnpickler(pickle.Unpickler):
    """Resolves names on the list, and refuses all others."""

    def find_class(self, module: str, name: str) -> Any:
        """The class of a known name."""
        return resolve(module, name)


def load_pickle(data: bytes, *, approved: bool = False) -> Any:
    """The object of a pickle, of cloudpickle's or of joblib's. Raises Refused, unless approved."""
    if approved:
        return _load_any(data)
    data = decompressed(data)
    if JOBLIB[0].encode() not in data:
        return KnownClassUnpickler(io.BytesIO(data)).load()
    return _joblib_unpickler(io.BytesIO(data)).load()


def _load_any(data: bytes) -> Any:
    try:
        import joblib
    except ImportError:
        return pickle.loads(data)
    return joblib.load(io.BytesIO(data))  # reads plain pickles too


def _joblib_unpickler(source: io.BytesIO) -> Any:
    """joblib's unpickler with known classes only, also within its arrays of objects."""
    from joblib.numpy_pickle import NumpyArrayWrapper, NumpyUnpickler

    class Wrapper(NumpyArrayWrapper):  # type: ignore[misc]
        def read_array(self, unpickler: Any, *rest: Any) -> Any:
            if self.dtype.hasobject:  # joblib itself would unpickle it
                return KnownClassUnpickler(unpickler.file_handle).load()
            return super().read_array(unpickler, *rest)

    class Unpickler(NumpyUnpickler):  # type: ignore[misc]
        def find_class(self, module: str, name: str) -> Any:
            return Wrapper if (module, name) == JOBLIB else resolve(module, name)

    takes = inspect.signature(NumpyUnpickler.__init__).parameters
    order = {"ensure_native_byte_order": True} if "ensure_native_byte_order" in takes else {}
    return Unpickler("", source, mmap_mode=None, **order)
