"""Formats: how a model file is recognised, what it needs, whether loading it runs code, and how it
is loaded and asked. One file a format.

One half of a format reads the package only: `claims`, `requirements`, `audit`. The other half
(`load`) runs in the model process, in the model's own environment, and imports its libraries there.
At import every format needs the standard library only, on Python 3.10 and later.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

from pilothouse.kit.errors import Invalid
from pilothouse.kit.plugins import Plugins
from pilothouse.models.audit import Audit, audit_of_data
from pilothouse.models.package import ModelPackage
from pilothouse.models.requirements import RUNNER_REQUIREMENTS, needed_lines
from pilothouse.models.signature import Signature

Columns = Sequence[list[Any]]
Rows = list[list[Any]]
# What a client writes beside every model: none of it is a model, though XGBoost's may be .json.
BESIDE_A_MODEL = ("requirements.txt", "input_example.json", "serving_input_example.json")
Versions = Literal["any newer", "same minor", "as recorded"]


class LoadedModel(Protocol):
    """A model in the memory of its process."""

    def inspect(self) -> dict[str, Any]:
        """What the file itself says: `task`, `classes`, `levels`, `gives`, `inputs`, `outputs`.

        Values are plain JSON. What the file does not say is absent.
        """
        ...

    def predict(self, columns: Columns) -> Rows:
        """Raw rows of columns in the order of the signature's inputs. Raises ValueError.

        One list per row: a probability per class (or per label), a label, a value per output, as
        the signature's `gives` asks; without a signature, as the model gives it.
        """
        ...


class ModelFormat(ABC):
    """A format of model files.

    `libraries` are the distributions that it needs; of a package's requirements only these are
    installed, unless `keeps_requirements`. `own_libraries` are installed even when they were not
    recorded; the others come with them. `versions` is how closely the versions must match: "any
    newer" (the file format is stable), "same minor", or "as recorded". `runs_code` tells whether
    loading a file of this format can run code that is in the file. A model has `start_seconds` to
    load and to answer once.
    """

    title: ClassVar[str]
    description: ClassVar[str]
    file_names: ClassVar[str]
    libraries: ClassVar[tuple[str, ...]] = ()
    own_libraries: ClassVar[tuple[str, ...] | None] = None  # None: all of `libraries`
    keeps_requirements: ClassVar[bool] = False
    versions: ClassVar[Versions] = "any newer"
    runs_code: ClassVar[bool] = False
    start_seconds: ClassVar[float] = 120.0

    @abstractmethod
    def claims(self, package: ModelPackage) -> bool:
        """Whether it can load the package, by the names of its files and its facts."""

    def requirements(self, package: ModelPackage) -> tuple[str, ...]:
        """The lines of a requirements file that loading and predicting need."""
        libraries = None if self.keeps_requirements else self.libraries
        always = self.libraries if self.own_libraries is None else self.own_libraries
        return (*needed_lines(package, libraries, always), *RUNNER_REQUIREMENTS)

    def audit(self, folder: Path, package: ModelPackage) -> Audit:
        """What loading would import, read from the files without loading them. Raises Invalid."""
        return audit_of_data()

    @abstractmethod
    def load(
        self, folder: Path, package: ModelPackage, signature: Signature, *, approved: bool = False
    ) -> LoadedModel:
        """The model, in its own process. Raises what the library raises on a damaged file.

        `approved` allows what the audit calls own code. Without it, only classes of libraries that
        are on the list of `models/audit` are loaded, and anything else raises Refused.
        """


formats: Plugins[ModelFormat] = Plugins(__name__, "model format")


def format_of(package: ModelPackage) -> ModelFormat:
    """The format that a package names. Raises NotFound."""
    return formats.get(package.format)


def detect(package: ModelPackage) -> str:
    """The name of the format that claims the package; "" when none does.

    A format that reads data is preferred to one that runs code: the first claim in that order.
    """
    claims = [name for name, kind in formats.items() if kind.claims(package)]
    return min(claims, key=lambda name: (formats.get(name).runs_code, name), default="")


def main_file(package: ModelPackage, *suffixes: str) -> str:
    """The file that `data` names, or else the only one with such a suffix; "" without one.

    A file that `data` names is the model: no other one is, whatever its suffix.
    """
    named = package.fact("data")
    if named in package.files:
        return named if named.endswith(suffixes) else ""
    fitting = [
        path
        for path in package.files
        if path.lower().endswith(suffixes) and path not in BESIDE_A_MODEL
    ]
    return fitting[0] if len(fitting) == 1 else ""


def require_file(package: ModelPackage, *suffixes: str) -> str:
    """The main file. Raises Invalid when the package has none, or several."""
    path = main_file(package, *suffixes)
    if not path:
        raise Invalid(
            f"The model has no file, or more than one, that ends in {' or '.join(suffixes)}.",
            hint="Register a folder that holds one model.",
        )
    return path
