"""What loading a model file would import, read from the file without loading it.

A pickle is a program. To see which names it asks for, it is run on a machine that has nothing to
run: every name becomes a hollow class, so that nothing is imported, called or built. Files of skops
and Keras name their classes in JSON. The badge that follows is one of three:

- data only: loading reads numbers and texts;
- classes of known libraries: it names only classes on the list below, which build estimators;
- own code: anything else. Loading runs what the author wrote, so that a person must approve it.

A list that a model file carries of what may be trusted is never read. Classes narrow what a file
can do; they are no sandbox. Only the standard library is imported here: model processes use the
same list when they unpickle.
"""

from __future__ import annotations

import bz2
import io
import json
import lzma
import pickle
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, BinaryIO, ClassVar, Literal

from pilothouse.kit.errors import Invalid, Refused

Badge = Literal["data only", "classes of known libraries", "own code"]
DATA_ONLY: Badge = "data only"
KNOWN_CLASSES: Badge = "classes of known libraries"
OWN_CODE: Badge = "own code"

MAX_UNPACKED = 4 << 30
MAX_MEMBERS = 20_000
MAX_NAMES = 2_000
MAX_JSON = 256 << 20
MAX_DEPTH = 200
MAX_ARRAY_DIMENSIONS = 64
UNREADABLE = "(part of the file that cannot be read without loading it)"

# Packages whose classes build estimators. Whole libraries are not on it: numpy.memmap and
# pandas.HDFStore are classes, and making one opens a file. Left out because a state that a pickle
# hands to their classes is run: scipy.stats (exec of a template), statsmodels (formulas).
KNOWN_MODULES = re.compile(
    r"sklearn"
    r"(\.(?!externals\b|datasets\b|callback\b|utils\.(parallel|discovery|_testing)\b)[a-z_]\w*)*"
    r"|numpy\.(_core|core)\.(multiarray|numeric|numerictypes)|numpy\.ma(\.core)?"
    r"|numpy\.random(\._?(pickle|pcg64|mt19937|philox|sfc64|generator|mtrand|bit_generator))?"
    r"|scipy\.sparse(\._?[a-z]+)?"
    r"|scipy\.interpolate\._(bsplines|interpolate|fitpack2)"
    r"|pandas\.core\.(frame|series|generic|internals(\.\w+)?|indexes\.\w+|arrays\.\w+|dtypes\.dtypes)"
    r"|pandas\._libs\.(internals|arrays|tslibs\.\w+)"
    r"|imblearn(\.(?!datasets\b)[a-z_]\w*)*|category_encoders(\.(?!datasets\b)[a-z_]\w*)*"
)
# Names of classes begin with a capital, after underscores; of the others only these are classes.
CLASS_NAME = re.compile(
    r"_*[A-Z]\w*|(bsr|coo|csc|csr|dia|dok|lil)_(array|matrix)|interp1d|make_column_selector|_nandict"
)
# Functions that fitted models keep: they compute a figure from arrays and do nothing else.
KNOWN_FUNCTIONS: dict[str, re.Pattern[str]] = {
    "sklearn.feature_selection._univariate_selection": re.compile(
        "f_classif|f_regression|r_regression|chi2"
    ),
    "sklearn.feature_selection._mutual_info": re.compile("mutual_info_(classif|regression)"),
    **dict.fromkeys(
        (f"sklearn.metrics._{part}" for part in ("classification", "regression", "ranking")),
        re.compile(
            r"(?!make_|_)\w+_(score|loss|error|deviance|coef|coefficient|gain)|hinge_loss|max_error"
        ),
    ),
}
NUMPY_UFUNCS = frozenset(
    [
        "log",
        "log1p",
        "log2",
        "log10",
        "exp",
        "expm1",
        "sqrt",
        "square",
        "abs",
        "absolute",
        "sign",
        "cbrt",
        "reciprocal",
    ]
)
SCIPY_SPECIAL = ("scipy.special", "scipy.special._ufuncs", "scipy.special._special_ufuncs")
SCIPY_UFUNCS = frozenset(
    ["expit", "logit", "log_expit", "xlogy", "xlog1py", "boxcox", "inv_boxcox", "boxcox1p"]
)
# Of these modules only the names given: xgboost.core.DMatrix and catboost.core.Pool read files.
KNOWN_NAMES: dict[str, frozenset[str]] = {
    "lightgbm.basic": frozenset({"Booster"}),
    "lightgbm.sklearn": frozenset({"LGBMClassifier", "LGBMRegressor", "LGBMRanker", "LGBMModel"}),
    "xgboost.core": frozenset({"Booster"}),
    "xgboost.sklearn": frozenset(
        {
            "XGBClassifier",
            "XGBRegressor",
            "XGBRanker",
            "XGBRFClassifier",
            "XGBRFRegressor",
            "XGBModel",
        }
    ),
    "catboost.core": frozenset(
        {"CatBoost", "CatBoostClassifier", "CatBoostRegressor", "CatBoostRanker"}
    ),
    "collections": frozenset({"OrderedDict", "defaultdict", "deque", "Counter"}),
    "datetime": frozenset({"datetime", "date", "time", "timedelta", "timezone"}),
    "functools": frozenset({"partial"}),
}
NUMPY_NAMES = frozenset(
    [
        "ndarray",
        "dtype",
        "matrix",
        "bool",
        "bool_",
        "int8",
        "int16",
        "int32",
        "int64",
        "uint8",
        "uint16",
        "uint32",
        "uint64",
        "intp",
        "float16",
        "float32",
        "float64",
        "longdouble",
        "complex64",
        "complex128",
        "str_",
        "bytes_",
        "object_",
        "datetime64",
        "timedelta64",
        "void",
    ]
)
# Functions that pickles of those classes call to build them. None runs what the file gives it.
BUILDERS = frozenset(
    {
        *(
            (f"numpy.{core}.multiarray", name)
            for core in ("core", "_core")
            for name in ("_reconstruct", "scalar")
        ),
        *((f"numpy.{core}.numeric", "_frombuffer") for core in ("core", "_core")),
        ("numpy.ma.core", "_mareconstruct"),
        ("numpy.random._pickle", "__randomstate_ctor"),
        ("numpy.random._pickle", "__bit_generator_ctor"),
        ("numpy.random._pickle", "__generator_ctor"),
        ("numpy.random.bit_generator", "__pyx_unpickle_SeedSequence"),
        ("copyreg", "_reconstructor"),
        ("copyreg", "__newobj__"),
        ("copy_reg", "_reconstructor"),  # as Python 2 and protocols 0 to 2 call it
        ("_codecs", "encode"),
        ("pandas.core.indexes.base", "_new_Index"),
        ("pandas.core.internals.blocks", "new_block"),
        ("pandas._libs.internals", "_unpickle_block"),
        ("pandas._libs.arrays", "__pyx_unpickle_NDArrayBacked"),
        ("sklearn._loss._loss", "__pyx_unpickle_CyHalfBinomialLoss"),
        ("sklearn._loss._loss", "__pyx_unpickle_CyHalfMultinomialLoss"),
        ("sklearn._loss._loss", "__pyx_unpickle_CyHalfSquaredError"),
        ("sklearn._loss._loss", "__pyx_unpickle_CyHalfPoissonLoss"),
        ("sklearn._loss._loss", "__pyx_unpickle_CyHalfGammaLoss"),
        ("sklearn._loss._loss", "__pyx_unpickle_CyAbsoluteError"),
        ("sklearn._loss._loss", "__pyx_unpickle_CyPinballLoss"),
        ("sklearn._loss._loss", "__pyx_unpickle_CyHuberLoss"),
        ("sklearn._loss._loss", "__pyx_unpickle_CyHalfTweedieLoss"),
        ("sklearn.metrics._dist_metrics", "newObj"),
        ("sklearn.neighbors._kd_tree", "newObj"),
        ("sklearn.neighbors._ball_tree", "newObj"),
        ("torch._utils", "_rebuild_tensor_v2"),
        ("torch._utils", "_rebuild_parameter"),
        ("scipy._lib.array_api_compat.numpy._aliases", "asarray"),  # of splines
        ("joblib.numpy_pickle", "NumpyArrayWrapper"),
    }
)
PLAIN = frozenset(
    [
        "dict",
        "list",
        "set",
        "frozenset",
        "tuple",
        "object",
        "int",
        "float",
        "str",
        "bool",
        "bytes",
        "bytearray",
        "complex",
        "slice",
        "range",
    ]
)
PLAIN_MODULES = ("builtins", "__builtin__", "_builtins")


@dataclass(frozen=True)
class Audit:
    """The badge of a model, and the names that its files would import, sorted.

    `unknown` are those names that are on no list: why it is own code.
    """

    badge: Badge
    imports: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """A plain JSON value."""
        return {"badge": self.badge, "imports": list(self.imports), "unknown": list(self.unknown)}


def unapproved(what: str) -> Refused:
    """The error for a file that asks for more than the classes of known libraries."""
    return Refused(
        what, hint="It is own code: a person has to approve it before this version is loaded."
    )


def audit_of_data() -> Audit:
    """The audit of a file that holds only data."""
    return Audit(DATA_ONLY)


def audit_of_code(*names: str) -> Audit:
    """The audit of files that are programs, with what they name."""
    listed = tuple(sorted(set(names)))[:MAX_NAMES]
    return Audit(OWN_CODE, listed, listed)


def audit_of_names(names: Iterable[tuple[str, str]]) -> Audit:
    """The audit of a file that imports these (module, name) pairs and nothing else."""
    pairs = set(names)
    imports = tuple(sorted(_written(*pair) for pair in pairs))[:MAX_NAMES]
    unknown = tuple(sorted(_written(*pair) for pair in pairs if not is_known(*pair)))[:MAX_NAMES]
    return Audit(OWN_CODE if unknown else KNOWN_CLASSES, imports, unknown)


def is_known(module: str, name: str) -> bool:
    """Whether a name is on the list: a class that builds an estimator, or one of its builders.

    A model process also tests what the name means there, which only importing tells: a module may
    import a class of another one, which is then reachable by its name.
    """
    if (module, name) in BUILDERS or is_known_function(module, name):
        return True
    if module in PLAIN_MODULES:
        return name in PLAIN
    if module in KNOWN_NAMES:
        return name in KNOWN_NAMES[module]
    if module == "numpy":
        return name in NUMPY_NAMES
    if module == "numpy.dtypes":
        return name.endswith("DType")
    if "tests" in module.split(".") or KNOWN_MODULES.fullmatch(module) is None:
        return False
    return CLASS_NAME.fullmatch(name) is not None


def _is_ufunc(module: str, name: str) -> bool:
    if module == "numpy":
        return name in NUMPY_UFUNCS
    return module in SCIPY_SPECIAL and name in SCIPY_UFUNCS


def is_known_function(module: str, name: str) -> bool:
    """Whether a name is a function on the list, or one of numpy's and scipy's on arrays."""
    functions = KNOWN_FUNCTIONS.get(module)
    return _is_ufunc(module, name) or bool(functions and functions.fullmatch(name))


def _written(module: str, name: str) -> str:
    return f"{module}.{name}" if module else name


def audit_pickle(data: bytes) -> Audit:
    """The audit of a pickle, of cloudpickle's, or of joblib's, compressed or not.

    Raises Invalid when it is none, or damaged.
    """
    return audit_of_names(pickle_names(data))


def pickle_names(data: bytes) -> set[tuple[str, str]]:
    """Every (module, name) that a pickle would import. Raises Invalid when it is damaged."""
    source = io.BytesIO(decompressed(data))
    names: set[tuple[str, str]] = set()
    _scan(source, names, 0)
    if source.read(1):
        names.add(("", "(data after the end of the pickle)"))
    return names


# What a damaged pickle makes the unpickler raise.
DAMAGED = (
    *(pickle.UnpicklingError, EOFError, ValueError, LookupError, TypeError, AttributeError),
    *(MemoryError, OverflowError, AssertionError, NameError, struct.error),
)


def _scan(source: BinaryIO, names: set[tuple[str, str]], depth: int) -> None:
    """Note the names of one pickle; those of joblib's arrays of objects are within it."""
    if depth > MAX_DEPTH:
        raise Invalid("The pickle is nested too deep to be read.")
    try:
        _Scanner(source, names, depth).load()
    except RecursionError as deep:
        raise Invalid("The pickle is nested too deep to be read.") from deep
    except DAMAGED as wrong:
        raise Invalid(f"The pickle is damaged: {_first_line(wrong)}.") from wrong


def _first_line(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return (text[0] if text else type(error).__name__).rstrip(".")[:200]


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

    def __init__(self, file: BinaryIO, names: set[tuple[str, str]], depth: int) -> None:
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


MAGIC: tuple[tuple[bytes, Callable[[], Any]], ...] = (
    (b"\x1f\x8b", lambda: zlib.decompressobj(31)),
    (b"BZ", bz2.BZ2Decompressor),
    (b"\xfd7zXZ", lzma.LZMADecompressor),
    (b"\x5d\x00", lambda: lzma.LZMADecompressor(lzma.FORMAT_ALONE)),
    (b"\x78", zlib.decompressobj),
)


def decompressed(data: bytes) -> bytes:
    """The content of a file that joblib may have compressed. Raises Invalid beyond 4 GiB."""
    if data[:4] == b"\x04\x22\x4d\x18":
        raise Invalid("The file is compressed with LZ4, which is not supported.")
    for magic, make in MAGIC:
        if data.startswith(magic):
            return _unpacked(data, make())
    return data


def _unpacked(data: bytes, stream: Any) -> bytes:
    limit = min(MAX_UNPACKED, 200 * len(data) + (64 << 20))
    parts, size, rest = [], 0, data
    try:
        while rest or not getattr(stream, "needs_input", True):
            part = stream.decompress(rest, 16 << 20)
            rest = getattr(stream, "unconsumed_tail", b"")
            size += len(part)
            if size > limit:
                raise Invalid("The file unpacks to more than is allowed.")
            parts.append(part)
            if stream.eof or not part:
                break
    except (zlib.error, OSError, EOFError, lzma.LZMAError, ValueError) as wrong:
        raise Invalid(f"The file is damaged: {_first_line(wrong)}.") from wrong
    if not stream.eof:
        raise Invalid("The file is damaged: it ends within its compressed data.")
    return b"".join(parts)


def open_zip(data: bytes) -> zipfile.ZipFile:
    """A zip whose members are few, plain, and unpack to little enough. Raises Invalid."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        infos = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as wrong:
        raise Invalid(f"The file is damaged: {_first_line(wrong)}.") from wrong

    names = [info.filename for info in infos]
    if len(names) > MAX_MEMBERS or len(set(names)) != len(names):
        raise Invalid("The archive has too many parts, or two of the same name.")
    for info in infos:
        outside = info.filename.startswith("/") or ".." in info.filename.split("/")
        if outside or "\\" in info.filename or (info.external_attr >> 28) == 0xA:
            raise Invalid(
                f"The archive holds {info.filename[:100]!r}, which is outside it or a link."
            )
    unpacked = sum(info.file_size for info in infos)
    if unpacked > min(MAX_UNPACKED, 1_000 * len(data) + (64 << 20)):
        raise Invalid("The archive unpacks to more than is allowed.")
    return archive


def zip_member(archive: zipfile.ZipFile, name: str, limit: int = MAX_UNPACKED) -> bytes:
    """A member, unpacked. Raises Invalid when it is absent, damaged or larger than it says."""
    try:
        info = archive.getinfo(name)
        if info.file_size > limit:
            raise Invalid(f"{name} in the archive is too large.")
        with archive.open(info) as member:
            data = member.read(info.file_size + 1)
    except KeyError as missing:
        raise Invalid(f"The archive has no {name}.") from missing
    except (
        zipfile.BadZipFile,
        OSError,
        EOFError,
        ValueError,
        NotImplementedError,
        RuntimeError,
        zlib.error,
        lzma.LZMAError,
    ) as wrong:
        raise Invalid(f"The archive is damaged: {_first_line(wrong)}.") from wrong
    return data


def json_member(archive: zipfile.ZipFile, name: str) -> Any:
    """A member that is JSON. Raises Invalid."""
    try:
        return json.loads(zip_member(archive, name, MAX_JSON))
    except (ValueError, RecursionError) as wrong:
        raise Invalid(f"{name} in the archive cannot be read: {_first_line(wrong)}.") from wrong


def audit_skops(data: bytes) -> Audit:
    """The audit of a skops file, by its schema."""
    pairs, callables = _skops_names(json_member(open_zip(data), "schema.json"))
    audit = audit_of_names(pairs)
    strange = {_written(*pair) for pair in callables if not _is_ufunc(*pair)}
    imports = tuple(sorted({*audit.imports, *(_written(*pair) for pair in callables)}))
    unknown = tuple(sorted({*audit.unknown, *strange}))[:MAX_NAMES]
    return Audit(OWN_CODE if unknown else KNOWN_CLASSES, imports[:MAX_NAMES], unknown)


Pairs = set[tuple[str, str]]
# Nodes of skops that hold text, or call what a name means instead of making an object of a class.
SKOPS_TEXT = frozenset({"JsonNode", "SliceNode"})
SKOPS_CALLABLES = frozenset({"FunctionNode", "MethodNode", "OperatorFuncNode"})


def _skops_names(schema: Any) -> tuple[Pairs, Pairs]:
    """The (module, class) pairs of a schema, and those of functions and methods."""
    names: Pairs = set()
    callables: Pairs = set()
    waiting: list[tuple[Any, int]] = [(schema, 0)]
    while waiting:
        value, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise Invalid("The schema of the skops file is nested too deep to be read.")
        if isinstance(value, dict):
            loader = value.get("__loader__")
            if ("__module__" in value or loader) and loader not in SKOPS_TEXT:
                (callables if loader in SKOPS_CALLABLES else names).add(_skops_pair(value))
            waiting += [(part, depth + 1) for part in value.values()]
        elif isinstance(value, list):
            waiting += [(part, depth + 1) for part in value]
        if len(names) + len(callables) > MAX_NAMES:
            raise Invalid(f"The skops file names more than {MAX_NAMES} classes.")
    return names, callables


def _skops_pair(node: dict[str, Any]) -> tuple[str, str]:
    module, name, content = node.get("__module__"), node.get("__class__"), node.get("content")
    if node.get("__loader__") == "MethodNode" and isinstance(content, dict):
        return _pair(module, f"{name}.{content.get('func')}")
    if isinstance(content, dict) and isinstance(content.get("module_path"), str):  # earlier files
        return _pair(content["module_path"], content.get("function"))
    return _pair(module, name)


def _pair(module: Any, name: Any) -> tuple[str, str]:
    if isinstance(module, str) and isinstance(name, str):
        return module, name
    return "", UNREADABLE


KERAS_MODULES = re.compile(
    r"keras(\.(layers|initializers|regularizers|constraints|optimizers(\.schedules)?|losses"
    r"|metrics|activations|dtype_policies|models|src\.models(\.\w+)?|src\.layers(\.\w+)*"
    r"|src\.dtype_policies(\.\w+)?|src\.losses(\.\w+)?|src\.metrics(\.\w+)?))?"
)
# Layers that run code of the file, or of the model inside of them.
KERAS_PROGRAMS = frozenset(
    {"Lambda", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "TFSMLayer", "__lambda__"}
)
KERAS_TABLES = frozenset({"StringLookup", "IntegerLookup", "TextVectorization", "Hashing"})


def audit_keras(data: bytes) -> Audit:
    """The audit of a .keras file, by its configuration."""
    archive = open_zip(data)
    names: Pairs = set()
    strange: set[str] = set()
    waiting: list[tuple[Any, int]] = [(json_member(archive, "config.json"), 0)]
    while waiting:
        value, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise Invalid("The configuration of the model is nested too deep to be read.")
        if isinstance(value, dict):
            if "class_name" in value:
                pair = _pair(value.get("module") or "keras.layers", value["class_name"])
                names.add(pair)
                if not _is_keras(*pair, value):
                    strange.add(_written(*pair))
            waiting += [(part, depth + 1) for part in value.values()]
        elif isinstance(value, list):
            waiting += [(part, depth + 1) for part in value]
    imports = tuple(sorted(_written(*pair) for pair in names))[:MAX_NAMES]
    return Audit(OWN_CODE if strange else KNOWN_CLASSES, imports, tuple(sorted(strange)))


def _is_keras(module: str, name: str, node: dict[str, Any]) -> bool:
    if module == "builtins":
        return name in PLAIN
    config = node.get("config")
    vocabulary = config.get("vocabulary") if isinstance(config, dict) else None
    if name in KERAS_TABLES and isinstance(vocabulary, str):  # the path of a file to read
        return False
    functions = module in ("keras.activations", "keras.losses", "keras.metrics")
    plain = name[:1].isupper() or functions
    return plain and name not in KERAS_PROGRAMS and bool(KERAS_MODULES.fullmatch(module))


def audit_torch(data: bytes) -> Audit:
    """The audit of a torch file: of every pickle in its archive."""
    if not data.startswith(b"PK"):
        return audit_of_names({*pickle_names(data), ("", "(a torch file without an archive)")})
    archive = open_zip(data)
    names: Pairs = set()
    for info in archive.infolist():
        if info.filename.endswith((".pkl", ".pt", ".pth")):
            names |= _torch_names(zip_member(archive, info.filename))
        if "/code/" in info.filename or info.filename.startswith("code/"):
            names.add(("", "(a TorchScript program)"))
    return audit_of_names(names)


def _torch_names(data: bytes) -> Pairs:
    if data.startswith(b"PK"):
        inner = open_zip(data)
        inside = [info.filename for info in inner.infolist() if info.filename.endswith(".pkl")]
        return {pair for name in inside for pair in pickle_names(zip_member(inner, name))}
    return pickle_names(data)
