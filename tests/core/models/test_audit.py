"""Audits: what a model file would import is read without loading it, and nothing hostile runs."""

from __future__ import annotations

import bz2
import copyreg
import io
import json
import os
import pickle
import struct
import subprocess
import sys
import time
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cloudpickle
import joblib
import numpy as np
import pytest
from scipy.stats import norm
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from statsmodels.base.data import PandasData

from pilothouse.kit.errors import Invalid, Refused
from pilothouse.models.audit import DATA_ONLY, KNOWN_CLASSES, OWN_CODE
from pilothouse.models.audit.keras_config import audit_keras
from pilothouse.models.audit.pickles import audit_pickle
from pilothouse.models.audit.skops_schema import audit_skops
from pilothouse.models.audit.torch_archive import audit_torch
from pilothouse.models.formats import formats
from pilothouse.models.onnx_file import read_onnx
from pilothouse.models.package import ModelPackage
from pilothouse.models.signature import UNKNOWN
from pilothouse.models.unpickling import load_pickle

DRAW = np.random.default_rng(3)
ROWS = DRAW.normal(size=(80, 3))
LABELS = np.where(ROWS[:, 0] > 0, "yes", "no")
ESTIMATORS: dict[str, Any] = {
    "logistic": LogisticRegression(),
    "forest": RandomForestClassifier(5, random_state=1),
    "boosting": GradientBoostingClassifier(n_estimators=3),
    "histogram": HistGradientBoostingClassifier(max_iter=3),
    "neighbours": KNeighborsClassifier(algorithm="kd_tree"),
    "calibrated": CalibratedClassifierCV(LogisticRegression(), cv=2),
    "selected": make_pipeline(SelectKBest(k=2), LogisticRegression()),
    "searched": GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2, scoring="f1_macro"),
    "logarithm": make_pipeline(FunctionTransformer(np.cbrt), LogisticRegression()),
    "columns": make_pipeline(
        make_column_transformer((StandardScaler(), [0, 1]), (OneHotEncoder(), [2])),
        LogisticRegression(),
    ),
}


def joblib_bytes(value: Any, compress: Any = 0) -> bytes:
    buffer = io.BytesIO()
    joblib.dump(value, buffer, compress=compress)
    return buffer.getvalue()


WRITERS: dict[str, Callable[[Any], bytes]] = {
    "pickle": pickle.dumps,
    "pickle, protocol 2": lambda value: pickle.dumps(value, 2),
    "cloudpickle": cloudpickle.dumps,
    "joblib": joblib_bytes,
    "joblib, zlib": lambda value: joblib_bytes(value, ("zlib", 3)),
    "joblib, lzma": lambda value: joblib_bytes(value, ("lzma", 1)),
}


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("name", ESTIMATORS)
def test_fitted_estimators_are_known_classes_and_load_as_they_were(name: str, writer: str) -> None:
    rows = np.round(ROWS) if name == "columns" else ROWS
    fitted = ESTIMATORS[name].fit(rows, LABELS)
    data = WRITERS[writer](fitted)
    audit = audit_pickle(data)
    assert (audit.badge, audit.unknown) == (KNOWN_CLASSES, ())
    assert any(part.startswith("sklearn.") for part in audit.imports)
    loaded = load_pickle(data)
    assert np.array_equal(loaded.predict_proba(rows), fitted.predict_proba(rows))


def written_by_skops(estimator: Any) -> bytes:
    import skops.io  # this looks through all of SciPy, for seconds

    return skops.io.dumps(estimator.fit(ROWS, LABELS))


@pytest.mark.parametrize("name", ["logistic", "forest", "histogram", "logarithm"])
def test_skops_files_of_estimators_are_known_classes(name: str) -> None:
    audit = audit_skops(written_by_skops(ESTIMATORS[name]))
    assert (audit.badge, audit.unknown) == (KNOWN_CLASSES, ())


def test_arrays_of_objects_and_structures_are_followed() -> None:
    texts = np.array(["a", "b"], dtype=object)
    table = np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")])
    value = {"texts": texts, "table": table, "last": OrderedDict(a=1), "big": np.arange(100_000.0)}
    data = joblib_bytes(value)
    assert audit_pickle(data).badge == KNOWN_CLASSES
    loaded = load_pickle(data)
    assert loaded["texts"].tolist() == ["a", "b"]
    assert loaded["table"].tolist() == [(1, 2.0)]
    assert loaded["big"].tolist() == value["big"].tolist()  # type: ignore[attr-defined]


class Ratio(LogisticRegression):
    """An author's own class."""

    def twice(self) -> int:
        return 2


def test_an_authors_class_is_own_code_whether_by_name_or_by_value() -> None:
    fitted = Ratio().fit(ROWS, LABELS)
    by_name = audit_pickle(pickle.dumps(fitted))
    assert by_name.badge == OWN_CODE
    assert by_name.unknown == (f"{Ratio.__module__}.Ratio",)

    script = (
        "import sys, cloudpickle, numpy as np\n"
        "from sklearn.linear_model import LogisticRegression\n"
        "class Ratio(LogisticRegression):\n    def twice(self): return 2\n"
        "fitted = Ratio().fit(np.array([[0.0], [1.0]]), [0, 1])\n"
        "sys.stdout.buffer.write(cloudpickle.dumps(fitted))\n"
    )
    data = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout
    by_value = audit_pickle(data)
    assert by_value.badge == OWN_CODE
    assert any(name.startswith("cloudpickle.cloudpickle.") for name in by_value.unknown)
    with pytest.raises(Refused, match="cloudpickle") as refusal:
        load_pickle(data)
    assert "approve" in refusal.value.hint
    assert load_pickle(data, approved=True).twice() == 2


# Hostile pickles: each tries to make a folder.


class Armed:
    """Makes a folder when it is unpickled."""

    def __init__(self, mark: str) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (self.mark,)


class State:
    """Becomes an object of a class with a state that the class itself would run."""

    def __init__(self, kind: type, state: dict[str, Any]) -> None:
        self.kind, self.state = kind, state

    def __reduce__(self) -> tuple[Any, ...]:
        return copyreg._reconstructor, (self.kind, object, None), self.state  # type: ignore[attr-defined]


def scipy_template(mark: str) -> bytes:
    """scipy.stats runs a template that a state brings."""
    return pickle.dumps(
        State(type(norm), {"_parse_arg_template": f"import os; os.mkdir({mark!r})"})
    )


def statsmodels_formula(mark: str) -> bytes:
    """statsmodels evaluates a formula that a state brings."""
    formula = f"y ~ I(__import__('os').mkdir({mark!r}))"
    state = {"restore_model_spec": True, "formula": formula, "frame": {"y": [1.0]}}
    return pickle.dumps(State(PandasData, state))


def opcodes(text: str) -> Callable[[str], bytes]:
    """A pickle of protocol 0 with MARK for the folder."""
    return lambda mark: text.replace("MARK", mark).encode()


def dotted(mark: str) -> bytes:
    """A class of a module by its path from another one."""
    parts = ("sklearn.base", "os.mkdir", mark)
    module, name, path = (b"\x8c" + bytes([len(part)]) + part.encode() for part in parts)
    return b"\x80\x04" + module + name + b"\x93" + path + b"\x85R."


HOSTILE: dict[str, Callable[[str], bytes]] = {
    "reduce": lambda mark: pickle.dumps(Armed(mark)),
    "reduce of protocol 0": opcodes("cos\nmkdir\n(VMARK\ntR."),
    "instance": opcodes("(VMARK\nios\nmkdir\n."),
    "object": opcodes("(cos\nmkdir\nVMARK\no."),
    "another name of os": opcodes("cposix\nmkdir\n(VMARK\ntR."),
    "getattr": opcodes("c__builtin__\ngetattr\n(cos\npath\nVos\ntR(VMARK\ntR."),
    "eval": opcodes("c__builtin__\neval\n(V__import__('os').mkdir('MARK')\ntR."),
    "a dotted name": dotted,
    "a path of scikit-learn": opcodes("csklearn.utils._repr_html.estimator\nPath\n(VMARK\ntR."),
    "a socket of scikit-learn": opcodes("csklearn.callback._transport\nListener\n(VMARK\ntR."),
    "a thread of scikit-learn": opcodes("csklearn.callback._transport\nThread\n(VMARK\ntR."),
    "numpy.memmap": opcodes("cnumpy\nmemmap\n(VMARK\nVuint8\nVw+\nI0\nI4\ntR."),
    "numpy.load": opcodes("cnumpy\nload\n(VMARK\ntR."),
    "pandas.read_pickle": opcodes("cpandas\nread_pickle\n(VMARK\ntR."),
    "joblib.load": opcodes("cjoblib\nload\n(VMARK\ntR."),
    "a partial": opcodes("cfunctools\npartial\n(cos\nmkdir\nVMARK\ntR(tR."),
    "an array of objects": lambda mark: joblib_bytes(np.array([Armed(mark)], dtype=object)),
    "a state of scipy.stats": scipy_template,
    "a state of statsmodels": statsmodels_formula,
    "after the end": lambda mark: pickle.dumps([1.0]) + pickle.dumps(Armed(mark)),
    "compressed": lambda mark: zlib.compress(pickle.dumps(Armed(mark))),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_pickle_is_own_code_and_runs_nothing(name: str, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    data = HOSTILE[name](str(mark))
    audit = audit_pickle(data)
    if name != "a path of scikit-learn":  # what a module imports is only seen by importing it
        assert audit.badge == OWN_CODE
        assert audit.unknown
    if name == "after the end":  # what is after the end is never read
        assert load_pickle(data) == [1.0]
    else:
        with pytest.raises(Refused, match="asks for"):
            load_pickle(data)
    assert not mark.exists()


DAMAGED: dict[str, bytes] = {
    "empty": b"",
    "a text": b"this is no pickle",
    "cut off": pickle.dumps(LogisticRegression())[:-20],
    "compressed and cut off": zlib.compress(pickle.dumps(list(range(1000))))[:-8],
    "bz2 of nothing": bz2.compress(b""),
    "a memo that is not there": b"\x80\x04h\x05.",
    "an array without its bytes": joblib_bytes(np.arange(10_000.0))[:-100],
    "nested without an end": b"(" * 2_000_000,
    "a length beyond the file": b"\x80\x04\x8e" + struct.pack("<Q", 1 << 60) + b"a.",
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_pickle_is_refused(name: str) -> None:
    with pytest.raises(Invalid, match=r"[a-z]{4}") as refusal:
        audit_pickle(DAMAGED[name])
    assert "Error" not in refusal.value.message


def test_small_files_that_become_large_are_refused_soon() -> None:
    started = time.monotonic()
    with pytest.raises(Invalid, match="unpacks to more"):
        audit_pickle(zlib.compress(bytes(1 << 29), 9))
    # A tuple that holds the tuple before it twice, and so on: its hash takes 2^60 steps.
    assert audit_pickle(b"\x80\x04})" + b"2\x86" * 60 + b"K\x01s.").badge == KNOWN_CLASSES
    assert time.monotonic() - started < 20


# Files of skops.


def skops_file(change: Callable[[dict[str, Any]], None]) -> bytes:
    """A skops file of a logistic regression with a changed schema."""
    data = written_by_skops(LogisticRegression())
    source, result = zipfile.ZipFile(io.BytesIO(data)), io.BytesIO()
    schema = json.loads(source.read("schema.json"))
    change(schema)
    with zipfile.ZipFile(result, "w") as target:
        for name in source.namelist():
            content = source.read(name) if name != "schema.json" else json.dumps(schema).encode()
            target.writestr(name, content)
    return result.getvalue()


def foreign_type(schema: dict[str, Any]) -> None:
    schema["__module__"], schema["__class__"] = "os", "system"


def foreign_method(schema: dict[str, Any]) -> None:
    content = {"func": "mkdir", "obj": schema["content"]}
    schema |= {
        "__loader__": "MethodNode",
        "__module__": "builtins",
        "__class__": "method",
        "content": content,
    }


def foreign_operator(schema: dict[str, Any]) -> None:
    schema |= {
        "__loader__": "OperatorFuncNode",
        "__module__": "operator",
        "__class__": "methodcaller",
        "attrs": schema["content"],
    }


@pytest.mark.parametrize("change", [foreign_type, foreign_method, foreign_operator])
def test_a_skops_file_with_foreign_types_is_own_code_and_refused(
    change: Callable[[dict[str, Any]], None], tmp_path: Path
) -> None:
    data = skops_file(change)
    assert audit_skops(data).badge == OWN_CODE
    assert_refused("sklearn_skops", "model.skops", data, tmp_path)


def test_a_skops_file_of_an_authors_class_is_own_code(tmp_path: Path) -> None:
    data = written_by_skops(Ratio())
    assert f"{Ratio.__module__}.Ratio" in audit_skops(data).unknown
    assert_refused("sklearn_skops", "model.skops", data, tmp_path)


def assert_refused(name: str, path: str, data: bytes, folder: Path, **facts: Any) -> None:
    """The format of that name refuses to load the file without an approval."""
    (folder / path).write_bytes(data)
    package = ModelPackage(name, {path: "0" * 64}, facts)
    with pytest.raises(Refused) as refusal:
        formats.get(name).load(folder, package, UNKNOWN)
    assert "approve" in refusal.value.hint


def test_a_list_of_trusted_types_in_a_model_is_not_believed(tmp_path: Path) -> None:
    data = written_by_skops(Ratio())
    trusted = {"skops_trusted_types": [f"{Ratio.__module__}.Ratio"], "approved": True}
    assert_refused("sklearn_skops", "model.skops", data, tmp_path, **trusted)


# Archives.


def archive(*members: tuple[str, bytes]) -> bytes:
    result = io.BytesIO()
    with zipfile.ZipFile(result, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in members:
            target.writestr(name, content)
    return result.getvalue()


def link() -> bytes:
    result = io.BytesIO()
    with zipfile.ZipFile(result, "w") as target:
        info = zipfile.ZipInfo("schema.json")
        info.external_attr = 0o120777 << 16
        target.writestr(info, "/etc/passwd")
    return result.getvalue()


ARCHIVES: dict[str, Callable[[], bytes]] = {
    "no archive": lambda: b"PK\x03\x04nothing",
    "a file outside": lambda: archive(("../schema.json", b"{}")),
    "a link": link,
    "a bomb": lambda: archive(("schema.json", bytes(1 << 28))),
    "no schema": lambda: archive(("other.json", b"{}")),
    "a schema that is no JSON": lambda: archive(("schema.json", b"{")),
    "a schema nested too deep": lambda: archive(("schema.json", b"[" * 5_000 + b"]" * 5_000)),
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_odd_archives_are_refused(name: str) -> None:
    with pytest.raises(Invalid):
        audit_skops(ARCHIVES[name]())


# Networks: their libraries are not needed to read what the files name.


def keras_file(*layers: dict[str, Any]) -> bytes:
    config = {"class_name": "Sequential", "module": "keras", "config": {"layers": list(layers)}}
    return archive(("config.json", json.dumps(config).encode()), ("metadata.json", b"{}"))


DENSE = {
    "class_name": "Dense",
    "module": "keras.layers",
    "config": {
        "units": 3,
        "kernel_initializer": {"class_name": "Zeros", "module": "keras.initializers"},
    },
}


def test_layers_of_keras_are_known_classes() -> None:
    audit = audit_keras(keras_file(DENSE))
    assert (audit.badge, audit.unknown) == (KNOWN_CLASSES, ())
    assert "keras.layers.Dense" in audit.imports


@pytest.mark.parametrize(
    "layer",
    [
        {"class_name": "Lambda", "module": "keras.layers", "config": {}},
        {"class_name": "__lambda__", "module": "builtins", "config": {"value": "4wEA"}},
        {"class_name": "function", "module": "os", "config": "system"},
        {"class_name": "TFSMLayer", "module": "keras.layers", "config": {"filepath": "/x"}},
        {"class_name": "Mine", "module": "mine.layers", "config": {}},
        {"class_name": "run", "module": "keras.src.utils.file_utils", "config": {}},
        {"class_name": "StringLookup", "module": "keras.layers", "config": {"vocabulary": "/x"}},
    ],
)
def test_programs_in_keras_files_are_own_code(layer: dict[str, Any], tmp_path: Path) -> None:
    data = keras_file(DENSE, layer)
    assert audit_keras(data).badge == OWN_CODE
    assert_refused("keras", "model.keras", data, tmp_path)


def test_files_of_torch_are_own_code_with_the_names_of_their_pickles(tmp_path: Path) -> None:
    plain = archive(("archive/data.pkl", pickle.dumps(OrderedDict(weight=1.0))))
    assert "collections.OrderedDict" in audit_torch(plain).imports
    hostile = archive(("archive/data.pkl", pickle.dumps(Armed("x"))))
    assert audit_torch(hostile).unknown == ("posix.mkdir",)
    script = archive(("archive/code/model.py", b"x = 1"), ("archive/data.pkl", pickle.dumps(1)))
    assert any("TorchScript" in name for name in audit_torch(script).unknown)
    for data in (plain, hostile, script):
        assert_refused("torch", "model.pth", data, tmp_path)


def test_a_saved_model_and_a_python_function_are_own_code(tmp_path: Path) -> None:
    assert_refused("keras", "saved_model.pb", b"graph", tmp_path)
    assert_refused("mlflow_pyfunc", "MLmodel", b"flavors: {}", tmp_path, loader_module="mine")


# ONNX: a length-delimited field is its number, its length and its bytes.


def message(number: int, content: bytes) -> bytes:
    length, size = b"", len(content)
    while size > 0x7F:
        length += bytes([size & 0x7F | 0x80])
        size >>= 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + content


def onnx_with_external(location: str) -> bytes:
    entry = message(1, b"location") + message(2, location.encode())
    return message(7, message(5, message(13, entry)))


@pytest.mark.parametrize("location", ["/etc/passwd", "../weights", "a\\b", "other.bin", ""])
def test_onnx_reads_no_file_that_is_not_the_models(location: str) -> None:
    with pytest.raises(Invalid, match="no file of this model"):
        read_onnx(onnx_with_external(location), "model.onnx", ["model.onnx", "weights"])


def test_onnx_may_read_the_files_of_the_model() -> None:
    read_onnx(onnx_with_external("weights"), "data/model.onnx", ["data/weights"])
    with pytest.raises(Invalid, match="no file of this model"):
        read_onnx(onnx_with_external("weights"), "data/model.onnx", ["weights"])


@pytest.mark.parametrize("data", [b"\x3a\xff", b"\x3f", b"<html>", message(7, b"\x2a\x7f")])
def test_a_damaged_onnx_file_is_refused(data: bytes) -> None:
    with pytest.raises(Invalid, match="damaged"):
        read_onnx(data, "model.onnx", [])


def test_formats_that_read_data_say_so(tmp_path: Path) -> None:
    for name in ("xgboost", "lightgbm", "catboost"):
        package = ModelPackage(name, {"model": "0" * 64})
        assert formats.get(name).audit(tmp_path, package).badge == DATA_ONLY
