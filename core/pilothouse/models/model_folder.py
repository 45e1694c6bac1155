"""What the files of a model say: its package, its input columns, and an example of its rows.

A folder may have been written by an MLflow client (it has an MLmodel file), or hold the file of a
library by itself. Nothing of it is run, and nothing that cannot be read is an error: the problem is
part of the answer, and what is missing is asked of a person.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pilothouse.kit.errors import PilothouseError
from pilothouse.models.mlflow_signature import InputColumns, inputs_of_example, read_inputs
from pilothouse.models.mlmodel import MlModel
from pilothouse.models.mlmodel_package import MLMODEL, package_of_files, read_mlmodel
from pilothouse.models.package import ModelPackage, PackageExample
from pilothouse.models.signature import UNKNOWN, Signature

MAX_EXAMPLE_ROWS = 5
ReadFile = Callable[[str], bytes]


@dataclass(frozen=True)
class ModelFolder:
    """A model's files as they were read.

    `package` is None when no format can load them, `mlmodel` when there is no MLmodel file that can
    be read. `signature` has the inputs that the files declare, and a task that is not specified;
    `example` are rows by the names of these inputs. `problems` say what could not be read, each as
    a sentence without its end.
    """

    package: ModelPackage | None
    signature: Signature = UNKNOWN
    example: tuple[Mapping[str, Any], ...] = ()
    problems: tuple[str, ...] = ()
    mlmodel: MlModel | None = None


def read_model_folder(files: Mapping[str, str], read_file: ReadFile) -> ModelFolder:
    """Read the files of a model (path below its folder -> SHA-256) with `read_file(path)`."""
    top = _top(files)
    inside = {
        path.removeprefix(top): digest for path, digest in files.items() if path.startswith(top)
    }

    def read_inside(path: str) -> bytes:
        return read_file(top + path)

    mlmodel: MlModel | None = None
    try:
        mlmodel = read_mlmodel(inside, read_inside)
        package = package_of_files(inside, read_inside, mlmodel)
    except PilothouseError as refused:
        return ModelFolder(None, problems=(refused.message.rstrip("."),), mlmodel=mlmodel)

    inputs = _inputs(mlmodel, package.example)
    signature = Signature(inputs=inputs.fields, task=UNKNOWN.task, gives="value")
    return ModelFolder(
        package,
        signature,
        example_rows(package.example, signature.names),
        (inputs.problem,) if inputs.problem else (),
        mlmodel,
    )


def _top(files: Mapping[str, str]) -> str:
    """The folder of the MLmodel file that is nearest to the top, with a slash; "" without one."""
    paths = [path for path in files if path.rpartition("/")[2] == MLMODEL]
    nearest = min(paths, key=lambda path: (path.count("/"), path), default=MLMODEL)
    return nearest.removesuffix(MLMODEL)


def _inputs(mlmodel: MlModel | None, example: PackageExample | None) -> InputColumns:
    width = len(example.columns) if example is not None else None
    if mlmodel is not None and mlmodel.input_specs:
        return read_inputs(mlmodel.input_specs, width)
    if example is not None:
        return inputs_of_example(example.columns, example.rows)
    return InputColumns(problem="its files declare no input columns")


def example_rows(
    example: PackageExample | None, names: Sequence[str]
) -> tuple[Mapping[str, Any], ...]:
    """The first rows of an example by the names of the inputs; none when they do not fit.

    Columns of an example that has names are matched by them, others by position.
    """
    if example is None or not names:
        return ()
    own = example.columns
    if set(names) <= set(own):
        positions = {name: at for at, name in reversed(list(enumerate(own)))}
        order = [positions[name] for name in names]
    elif len(own) == len(names):
        order = list(range(len(names)))
    else:
        return ()
    return tuple(
        {name: row[position] for name, position in zip(names, order, strict=True)}
        for row in example.rows[:MAX_EXAMPLE_ROWS]
    )
