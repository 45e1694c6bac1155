"""PyTorch networks: programs of torch.export (.pt2), and pickled modules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pilothouse.models.audit import OWN_CODE, Audit, unapproved
from pilothouse.models.audit.torch_archive import audit_torch
from pilothouse.models.formats import (
    Columns,
    LoadedModel,
    ModelFormat,
    Rows,
    formats,
    main_file,
    require_file,
)
from pilothouse.models.model_inputs import to_matrix
from pilothouse.models.network_rows import network_facts, network_rows
from pilothouse.models.package import ModelPackage
from pilothouse.models.signature import Signature

SUFFIXES = (".pt2", ".pth", ".pt")


class Torch(ModelFormat):
    """A network on the processor. Its file is a program, whichever way it was written."""

    title = "PyTorch"
    description = "A network of torch.export, TorchScript or a pickled module."
    file_names = "*.pt2, *.pth, *.pt"
    libraries = ("torch", "numpy")
    keeps_requirements = True
    versions = "as recorded"
    runs_code = True
    start_seconds = 300.0

    def claims(self, package: ModelPackage) -> bool:
        """A file of torch's."""
        return bool(main_file(package, *SUFFIXES))

    def audit(self, folder: Path, package: ModelPackage) -> Audit:
        """Always own code: an exported program holds expressions that torch evaluates."""
        audit = audit_torch((folder / require_file(package, *SUFFIXES)).read_bytes())
        unknown = audit.unknown or ("(the program of the network)",)
        return Audit(OWN_CODE, audit.imports, unknown)

    def load(
        self, folder: Path, package: ModelPackage, signature: Signature, *, approved: bool = False
    ) -> LoadedModel:
        """Load the network. Raises Refused unless approved."""
        if not approved:
            raise unapproved("A PyTorch file is a program.")
        import torch

        torch.set_num_threads(1)
        path = str(folder / require_file(package, *SUFFIXES))
        return NetworkOfTorch(_loaded(torch, path), signature, package)


def _loaded(torch: Any, path: str) -> Any:
    if path.endswith(".pt2"):
        return torch.export.load(path).module()
    module = torch.load(path, map_location="cpu", weights_only=False)
    return module.eval()


class NetworkOfTorch:
    """A module behind a signature: one tensor of numbers in, one tensor out."""

    def __init__(self, module: Any, signature: Signature, package: ModelPackage) -> None:
        self._module = module
        self._signature = signature
        self._dtype = package.fact("tensor_dtype") or "float32"
        self._shape = tuple(package.facts.get("tensor_shape") or ())
        self._facts: dict[str, Any] = {"task": "unspecified", "gives": "value"}

    def inspect(self) -> dict[str, Any]:
        """Only what an answer tells: a network does not say what its numbers mean."""
        return dict(self._facts)

    def predict(self, columns: Columns) -> Rows:
        """Raw rows."""
        import torch

        matrix = to_matrix(columns, self._dtype)
        inputs = shaped(matrix, self._shape)
        with torch.no_grad():
            values = self._module(torch.from_numpy(inputs))
        rows = network_rows(values, len(matrix), self._signature)
        if "outputs" not in self._facts:
            self._facts |= network_facts(values, rows)
        return rows


def shaped(matrix: Any, shape: tuple[int, ...]) -> Any:
    """The matrix in the shape that the network takes, where it takes more than two dimensions."""
    import numpy as np

    inner = [int(size) for size in shape[1:]]
    if len(inner) < 2:
        return np.ascontiguousarray(matrix)
    return np.ascontiguousarray(matrix).reshape(len(matrix), *inner)


formats.register("torch")(Torch())
