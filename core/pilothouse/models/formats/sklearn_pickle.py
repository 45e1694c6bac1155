"""scikit-learn models, and others with its methods, as pickle, cloudpickle or joblib wrote them."""

from __future__ import annotations

from pathlib import Path

from pilothouse.models.audit import Audit
from pilothouse.models.audit.pickles import audit_pickle
from pilothouse.models.estimators import Estimator
from pilothouse.models.formats import LoadedModel, ModelFormat, formats, main_file, require_file
from pilothouse.models.package import ModelPackage
from pilothouse.models.signature import Signature

SUFFIXES = (".pkl", ".pickle", ".joblib")


class SklearnPickle(ModelFormat):
    """A pickle is a program: names outside our list need approval."""

    title = "scikit-learn (pickle)"
    description = "A file of pickle, cloudpickle or joblib; unpickling runs what it names."
    file_names = "*.pkl, *.pickle, *.joblib"
    libraries = ("scikit-learn",)
    keeps_requirements = True
    versions = "same minor"
    runs_code = True
    start_seconds = 120.0

    def claims(self, package: ModelPackage) -> bool:
        """One pickle, and no Python model of MLflow's around it."""
        return bool(main_file(package, *SUFFIXES)) and not package.fact("python_model")

    def audit(self, folder: Path, package: ModelPackage) -> Audit:
        """The names that the pickle would import."""
        return audit_pickle((folder / require_file(package, *SUFFIXES)).read_bytes())

    def load(
        self, folder: Path, package: ModelPackage, signature: Signature, *, approved: bool = False
    ) -> LoadedModel:
        """Unpickle: with known classes only, unless approved."""
        from pilothouse.models.unpickling import load_pickle

        data = (folder / require_file(package, *SUFFIXES)).read_bytes()
        return Estimator(load_pickle(data, approved=approved), signature)


formats.register("sklearn_pickle")(SklearnPickle())
