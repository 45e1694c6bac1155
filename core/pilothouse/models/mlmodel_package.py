"""A model package from the files of a model: of an MLflow client's folder, or of a file by itself.

The MLmodel file is read for the native library's own facts. What it says of trusted types is not
read at all, and paths on the author's machine are cut to the name of the file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from pilothouse.kit.errors import Invalid
from pilothouse.models.formats import detect
from pilothouse.models.mlmodel import MlModel, read
from pilothouse.models.package import ModelPackage, PackageExample, check_path

MLMODEL = "MLmodel"
REQUIREMENTS = ("requirements.txt", "conda.yaml")
EXAMPLE = "input_example.json"
MAX_TEXT = 4 << 20
MAX_EXAMPLE_ROWS = 50
# The flavors with a format of their own here, the most telling first.
NATIVE = (
    *("sklearn", "xgboost", "lightgbm", "catboost", "onnx", "statsmodels", "pytorch"),
    *("tensorflow", "keras"),
)
LIBRARIES = {"sklearn": "scikit-learn", "pytorch": "torch"}
FILE_KEYS = ("pickled_model", "model_file", "data", "model_data")
Read = Callable[[str], bytes]


def package_of_files(
    files: Mapping[str, str], read_file: Read, mlmodel: MlModel | None
) -> ModelPackage:
    """The package of a model's files (path -> SHA-256), read with `read_file(path)`.

    `mlmodel` is what `read_mlmodel` answers; `format` is then the name of the format. Raises
    Invalid when a path leaves the folder, when no format claims the files, or when one of them
    cannot be read.
    """
    for path in files:
        check_path(path)
    facts = _facts(mlmodel, files) if mlmodel is not None else {}
    package = ModelPackage(
        format="",
        files=dict(files),
        facts=facts,
        requirements=_requirements(files, read_file),
        python=_python(mlmodel),
        logged_at=mlmodel.facts.get("utc_time_created", "") if mlmodel is not None else "",
        example=_example(files, read_file),
    )
    return _with_format(package)


def _with_format(package: ModelPackage) -> ModelPackage:
    name = detect(package)
    if name:
        return replace(package, format=name)
    names = sorted(package.files)
    listed = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
    raise Invalid(
        f"No format claims these files: {listed}.",
        hint="Models of scikit-learn, XGBoost, LightGBM, CatBoost, ONNX, PyTorch, Keras, "
        "statsmodels and MLflow's Python functions can be loaded.",
    )


def read_mlmodel(files: Mapping[str, str], read_file: Read) -> MlModel | None:
    """The MLmodel file of a model's files; None without one. Raises Invalid."""
    return read(_text(read_file(MLMODEL), MLMODEL)) if MLMODEL in files else None


def _text(data: bytes, path: str) -> str:
    if len(data) > MAX_TEXT:
        raise Invalid(f"{path} is larger than {MAX_TEXT >> 20} MB.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        raise Invalid(f"{path} is not UTF-8 text.") from wrong


def _facts(mlmodel: MlModel, files: Mapping[str, str]) -> dict[str, Any]:
    """The native flavor's facts where there is one, and those of MLflow's Python function."""
    function = mlmodel.flavors.get("python_function", {})
    facts: dict[str, Any] = {}
    native = next((name for name in NATIVE if name in mlmodel.flavors), "")
    if native:
        flavor = mlmodel.flavors[native]
        facts["library"] = LIBRARIES.get(native, native)
        facts |= {key: flavor[key] for key in ("model_class", "model_type") if key in flavor}
        main = next((flavor[key] for key in FILE_KEYS if key in flavor), "")
        facts |= _main_file(main, files)
        if native == "pytorch":
            facts |= _main_file(f"{main}/model.pt2", files) or _main_file(
                f"{main}/model.pth", files
            )
        if native in ("tensorflow", "keras"):
            facts |= _main_file(f"{main}/model.keras", files)
    else:
        facts |= _function_facts(function)
    if function.get("predict_fn"):
        facts["predict_method"] = function["predict_fn"]
    if mlmodel.facts.get("mlflow_version"):
        facts["mlflow_version"] = mlmodel.facts["mlflow_version"]
    return facts | _tensor(mlmodel) | _input_fields(mlmodel)


def _function_facts(function: Mapping[str, str]) -> dict[str, Any]:
    facts: dict[str, Any] = {"loader_module": function.get("loader_module", "")}
    for key in ("python_model", "model_code_path"):
        if function.get(key):  # the author's own path: only the name of the file is of use
            facts[key] = PurePosixPath(function[key].replace("\\", "/")).name
    return facts


def _main_file(path: str, files: Mapping[str, str]) -> dict[str, str]:
    """The fact of the main file, when it is one of the model's."""
    plain = str(PurePosixPath(path)) if path else ""
    return {"data": plain} if plain in files else {}


def _tensor(mlmodel: MlModel) -> dict[str, Any]:
    """Type and shape of an input that is one tensor, which the reader writes as text."""
    if len(mlmodel.inputs) != 1 or "[" not in mlmodel.inputs[0].type:
        return {}
    dtype, _, shape = mlmodel.inputs[0].type.partition(" [")
    sizes = [part.strip() for part in shape.rstrip("]").split("×")]  # noqa: RUF001
    if not all(size.lstrip("-").isdigit() for size in sizes):
        return {}
    return {"tensor_dtype": dtype, "tensor_shape": [int(size) for size in sizes]}


TYPES = {"double": "number", "float": "number", "long": "integer", "integer": "integer"}
TYPES |= {"string": "string", "boolean": "boolean", "datetime": "time"}


def _input_fields(mlmodel: MlModel) -> dict[str, Any]:
    """Names and types of the input columns, as signatures here call them."""
    columns = [(column.name, TYPES.get(column.type)) for column in mlmodel.inputs]
    if not columns or any(kind is None for _, kind in columns):
        return {}
    return {"input_fields": [{"name": name, "type": kind} for name, kind in columns]}


def _python(mlmodel: MlModel | None) -> str:
    if mlmodel is None:
        return ""
    return mlmodel.flavors.get("python_function", {}).get("python_version", "")


def _requirements(files: Mapping[str, str], read_file: Read) -> tuple[str, ...]:
    """The lines of requirements.txt, or of the pip part of conda.yaml."""
    if "requirements.txt" in files:
        text = _text(read_file("requirements.txt"), "requirements.txt")
        return tuple(line.strip() for line in text.splitlines() if line.strip())
    if "conda.yaml" not in files:
        return ()

    import yaml

    try:
        content = yaml.safe_load(_text(read_file("conda.yaml"), "conda.yaml"))
    except (yaml.YAMLError, RecursionError, ValueError) as wrong:
        raise Invalid("conda.yaml cannot be read as YAML.") from wrong
    listed = content.get("dependencies") if isinstance(content, dict) else None
    for part in listed if isinstance(listed, list) else ():
        if isinstance(part, dict) and isinstance(part.get("pip"), list):
            return tuple(str(line) for line in part["pip"])
    return ()


def _example(files: Mapping[str, str], read_file: Read) -> PackageExample | None:
    """The logged input example: a frame in the orientation "split", or a tensor."""
    if EXAMPLE not in files:
        return None
    try:
        content = json.loads(_text(read_file(EXAMPLE), EXAMPLE))
    except (ValueError, RecursionError):
        return None
    if isinstance(content, dict) and isinstance(content.get("data"), list):
        return _rows(content["data"], content.get("columns"))
    tensor = content.get("inputs") if isinstance(content, dict) else content
    return _rows(tensor, None) if isinstance(tensor, list) else None


def _rows(data: list[Any], columns: Any) -> PackageExample | None:
    rows = [tuple(_flat(row)) for row in data[:MAX_EXAMPLE_ROWS]]
    if not rows or any(len(row) != len(rows[0]) for row in rows):
        return None
    if isinstance(columns, list) and len(columns) == len(rows[0]):
        return PackageExample("frame", tuple(map(str, columns)), tuple(rows))
    names = tuple(f"x{index}" for index in range(len(rows[0])))
    return PackageExample("tensor", names, tuple(rows))


def _flat(row: Any) -> list[Any]:
    if not isinstance(row, list):
        return [row]
    return [value for part in row for value in _flat(part)]
