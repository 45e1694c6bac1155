"""The names of a pickle, read by following its opcodes with hollow classes."""

from __future__ import annotations

import io
import pickle
import re
import struct
from collections.abc import Callable
from typing import Any, BinaryIO, ClassVar

from pilothouse.kit.errors import Invalid
from pilothouse.models.audit import MAX_DEPTH, MAX_NAMES, Audit, Names, audit_of_names
from pilothouse.models.audit.archives import decompressed, first_line

MAX_ARRAY_DIMENSIONS = 64


def audit_pickle(data: bytes) -> Audit:
    """The audit of a pickle, of cloudpickle's, or of joblib's, compressed or not.

    Raises Invalid when it is none, or damaged.
    """
    return audit_of_names(pickle_names(data))


def pickle_names(data: bytes) -> Names:
    """Every (module, name) that a pickle would import. Raises Invalid when it is damaged."""
    source = io.BytesIO(decompressed(data))
    names: Names = set()
    _scan(source, names, 0)
    if source.read(1):
        names.add(("", "(data after the end of the pickle)"))
    return names


# What a damaged pickle makes the unpickler raise.
DAMAGED = (
    *(pickle.UnpicklingError, EOFError, ValueError, LookupError, TypeError, AttributeError),
    *(MemoryError, OverflowError, AssertionError, NameError, struct.error),
)


def _scan(source: BinaryIO, names: Names, depth: int) -> None:
    """Note the names of one pickle; those of joblib's arrays of objects are within it."""
    if depth > MAX_DEPTH:
        raise Invalid("The pickle is nested too deep to be read.")
    try:
        _Scanner(source, names, depth).load()
    except RecursionError as deep:
        raise Invalid("The pickle is nested too deep to be read.") from deep
    except DAMAGED as wrong:
        raise Invalid(f"The pickle is damaged: {_reason(wrong)}.") from wrong


def _reason(wrong: Exception) -> str:
    """What is wrong with a pickle; these errors say no more than a number, or nothing."""
    if isinstance(wrong, EOFError):
        return "it ends too soon"
    if isinstance(wrong, LookupError):
        return "it refers to a value that it does not hold"
    return first_line(wrong)


class _Hollow:
    """Stands for whatever a pickle builds; nothing that is done to it does anything."""

    arguments: tuple[Any, ...] = ()
    state: Any = None

    def __new__(cls, *arguments: Any, **_: Any) -> _Hollow:
        # cloudpickle builds classes by a function and then calls `cls.__new__(cls, …)`: the class
        # itself is hollow then, which is an instance of this one.
        kind = cls if isinstance(cls, type) else type(cls)
        self = object.__new__(kind)
        object.__setattr__(self, "arguments", arguments)
        return self

    def __init__(self, *_: Any, **__: Any) -> None:
        """Takes anything."""

    def __setattr__(self, name: str, value: Any) -> None:
        """Keeps nothing."""

    def __setstate__(self, state: Any) -> None:
        object.__setattr__(self, "state", state)

    def __call__(self, *arguments: Any, **_: Any) -> _Hollow:
        return _Hollow(*arguments)

    def append(self, item: Any) -> None:
        """Keeps nothing."""

    def extend(self, items: Any) -> None:
        """Keeps nothing."""


class _HollowArray(_Hollow):
    """Stands for joblib's wrapper of an array: the array's bytes follow it in the file."""


class _HollowType(_Hollow):
    """Stands for numpy.dtype: its arguments say how many bytes an item has."""


class _Scanner(pickle._Unpickler):  # the one in Python: its methods can be replaced
    """Follows a pickle's opcodes exactly, with hollow classes for every name."""

    stack: list[Any]
    append: Callable[[Any], None]
    pop_mark: Callable[[], list[Any]]

    def __init__(self, file: BinaryIO, names: Names, depth: int) -> None:
        super().__init__(file, encoding="latin-1")
        self._source = file
        self._depth = depth
        self.names = names

    def find_class(self, module: str, name: str) -> Any:
        """A hollow class; the name is noted."""
        self.names.add((module, name))
        if len(self.names) > MAX_NAMES:
            raise Invalid(f"The pickle names more than {MAX_NAMES} classes.")
        if module.startswith("joblib.numpy_pickle"):
            return _HollowArray
        return _HollowType if (module, name) == ("numpy", "dtype") else _Hollow

    def persistent_load(self, pid: Any) -> Any:
        """What another part of the file holds, as in torch's files."""
        return _Hollow()

    def get_extension(self, code: int) -> None:
        """Extension codes mean a name that the file does not hold."""
        self.names.add(("", f"(the copyreg extension {code})"))
        self.append(_Hollow)

    def load_build(self) -> None:
        """Set a state; skip the bytes of an array that joblib wrote after it."""
        state, target = self.stack.pop(), self.stack[-1]
        if isinstance(target, _Hollow):
            target.__setstate__(state)
        if isinstance(target, _HollowArray):
            self._skip_array(state)

    def _skip_array(self, state: Any) -> None:
        if not isinstance(state, dict) or "dtype" not in state:
            raise Invalid("The pickle holds an array in a way that joblib does not write.")
        size = _item_size(state["dtype"])
        if size is None:  # objects: a pickle of its own follows
            _scan(self._source, self.names, self._depth + 1)
        else:
            _skip_items(self._source, state, size)

    def load_items(self) -> None:
        """Leave out what is hashed: a tuple of tuples of itself has a hash that never ends."""
        items = self.pop_mark()
        target = self.stack[-1]
        if isinstance(target, dict):
            pairs = zip(items[::2], items[1::2], strict=False)
            target.update((name, value) for name, value in pairs if isinstance(name, str))

    def load_item(self) -> None:
        """One pair of a mapping."""
        value, name = self.stack.pop(), self.stack.pop()
        if isinstance(self.stack[-1], dict) and isinstance(name, str):
            self.stack[-1][name] = value

    def load_dict(self) -> None:
        """A mapping from the items since the mark."""
        items = self.pop_mark()
        pairs = zip(items[::2], items[1::2], strict=False)
        self.append({name: value for name, value in pairs if isinstance(name, str)})

    def load_frozenset(self) -> None:
        """A set, whose items are of no interest."""
        self.pop_mark()
        self.append(frozenset())

    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = {
        **pickle._Unpickler.dispatch,
        pickle.BUILD[0]: load_build,
        pickle.SETITEMS[0]: load_items,
        pickle.SETITEM[0]: load_item,
        pickle.ADDITEMS[0]: load_items,
        pickle.DICT[0]: load_dict,
        pickle.FROZENSET[0]: load_frozenset,
    }


def _skip_items(source: BinaryIO, state: dict[str, Any], size: int) -> None:
    """Skip the bytes of an array after its wrapper: alignment, then items of a size each."""
    shape = state.get("shape")
    if not isinstance(shape, tuple) or len(shape) > MAX_ARRAY_DIMENSIONS:
        raise Invalid("The pickle holds an array without a shape.")
    if state.get("numpy_array_alignment_bytes") is not None:
        padding = source.read(1)
        source.seek(padding[0] if padding else 0, io.SEEK_CUR)
    count = 1
    for length in shape:
        if not isinstance(length, int) or not 0 <= length < 1 << 48:
            raise Invalid("The pickle holds an array of an impossible shape.")
        count *= length
    end = source.tell() + count * size
    if end > source.seek(0, io.SEEK_END):
        raise Invalid("The pickle ends within an array.")
    source.seek(end)


def _item_size(dtype: Any) -> int | None:
    """Bytes of an item, by the arguments of numpy.dtype; None where items are objects."""
    text = dtype.arguments[0] if isinstance(dtype, _Hollow) and dtype.arguments else dtype
    match = re.fullmatch(r"[<>|=]?([?bBiufcmMSUVO])(\d*)", text) if isinstance(text, str) else None
    if match is None or match[1] == "O":
        return None
    state = getattr(dtype, "state", None)
    if match[1] == "V" and isinstance(state, tuple) and _holds_objects(state):
        return None
    width = int(match[2] or 1)
    return width * 4 if match[1] == "U" else width


def _holds_objects(state: tuple[Any, ...]) -> bool:
    """Whether a structured dtype has a field of objects (flags NPY_ITEM_HASOBJECT)."""
    return len(state) > 7 and isinstance(state[7], int) and bool(state[7] & 1)
