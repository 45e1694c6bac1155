"""The names that a model file may ask for: classes and functions that build estimators."""

from __future__ import annotations

import re

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


def is_ufunc(module: str, name: str) -> bool:
    """Whether a name is a function of numpy or scipy on arrays that is on the list."""
    if module == "numpy":
        return name in NUMPY_UFUNCS
    return module in SCIPY_SPECIAL and name in SCIPY_UFUNCS


def is_known_function(module: str, name: str) -> bool:
    """Whether a name is a function on the list, or one of numpy's and scipy's on arrays."""
    functions = KNOWN_FUNCTIONS.get(module)
    return is_ufunc(module, name) or bool(functions and functions.fullmatch(name))
