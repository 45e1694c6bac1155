"""scikit-learn models, and others with its methods, in a skops file."""

from __future__ import annotations

from pathlib import Path

from pilothouse.models.audit import Audit, unapproved
from pilothouse.models.audit.known_names import is_known
from pilothouse.models.audit.skops_schema import audit_skops
from pilothouse.models.estimators import Estimator
from pilothouse.models.formats import LoadedModel, ModelFormat, formats, main_file, require_file
from pilothouse.models.package import ModelPackage
from pilothouse.models.signature import Signature


class SklearnSkops(ModelFormat):
    """A zip of a schema and arrays. Types beyond skops' own list are tested against ours."""

    title = "scikit-learn (skops)"
    description = "A skops file: the classes it names are read before any of them is made."
    file_names = "*.skops"
    libraries = ("scikit-learn", "skops")
    keeps_requirements = True
    versions = "same minor"
    runs_code = True
    start_seconds = 120.0

    def claims(self, package: ModelPackage) -> bool:
        """One file that ends in .skops."""
        return bool(main_file(package, ".skops"))

    def audit(self, folder: Path, package: ModelPackage) -> Audit:
        """The classes that the schema names."""
        return audit_skops((folder / require_file(package, ".skops")).read_bytes())

    def load(
        self, folder: Path, package: ModelPackage, signature: Signature, *, approved: bool = False
    ) -> LoadedModel:
        """Load with the types that are on our list; a list in the package is never read."""
        import skops.io

        data = (folder / require_file(package, ".skops")).read_bytes()
        audit = audit_skops(data)
        if audit.unknown and not approved:
            raise unapproved(f"The model file asks for {audit.unknown[0]}.")

        types = skops.io.get_untrusted_types(data=data)
        if not approved:
            _require_known_types(types)
        return Estimator(skops.io.loads(data, trusted=types), signature)


def _require_known_types(types: list[str]) -> None:
    """Raises Refused unless each type that skops does not trust itself is a known class."""
    from pilothouse.models.unpickling import resolve

    for written in types:
        module, _, name = written.rpartition(".")
        if not is_known(module, name):
            raise unapproved(f"The model file asks for {written}.")
        resolve(module, name)


formats.register("sklearn_skops")(SklearnSkops())
