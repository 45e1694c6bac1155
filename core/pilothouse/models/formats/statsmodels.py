"""Results of statsmodels, which are pickles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pilothouse.models.audit import OWN_CODE, Audit, unapproved
from pilothouse.models.audit.pickles import audit_pickle
from pilothouse.models.formats import (
    Columns,
    LoadedModel,
    ModelFormat,
    Rows,
    formats,
    main_file,
    require_file,
)
from pilothouse.models.model_inputs import guessed_type, reordered, to_frame
from pilothouse.models.package import ModelPackage
from pilothouse.models.raw_rows import rows_of, two_columns
from pilothouse.models.signature import Signature, SignatureField

SUFFIXES = (".statsmodels",)
PICKLES = (".statsmodels", ".pickle", ".pkl")
FORMULAS = "(formulas that statsmodels evaluates)"


class Statsmodels(ModelFormat):
    """The results of a fit: always own code, since formulas that they keep are evaluated."""

    title = "statsmodels"
    description = "The pickled results of a fit, with its training data; formulas in it are run."
    file_names = "*.statsmodels"
    libraries = ("statsmodels", "numpy", "pandas", "scipy")
    keeps_requirements = True
    versions = "same minor"
    runs_code = True

    def claims(self, package: ModelPackage) -> bool:
        """A file of statsmodels', or a pickle where the author's client named the library."""
        if main_file(package, *SUFFIXES):
            return True
        return package.fact("library") == "statsmodels" and bool(main_file(package, *PICKLES))

    def audit(self, folder: Path, package: ModelPackage) -> Audit:
        """Always own code, with the names that the pickle would import."""
        audit = audit_pickle((folder / require_file(package, *PICKLES)).read_bytes())
        return Audit(OWN_CODE, audit.imports, audit.unknown or (FORMULAS,))

    def load(
        self, folder: Path, package: ModelPackage, signature: Signature, *, approved: bool = False
    ) -> LoadedModel:
        """Unpickle. Raises Refused unless approved."""
        if not approved:
            raise unapproved("Results of statsmodels may hold formulas, which are run.")
        from pilothouse.models.unpickling import load_pickle

        data = (folder / require_file(package, *PICKLES)).read_bytes()
        return ResultsOfStatsmodels(load_pickle(data, approved=True), signature)


class ResultsOfStatsmodels:
    """Results behind a signature."""

    def __init__(self, results: Any, signature: Signature) -> None:
        self._results = results
        self._signature = signature
        model = results.model
        self._formula = hasattr(model, "formula") and model.formula is not None
        self._names = [str(name) for name in getattr(model, "exog_names", None) or ()]
        self._facts = _facts(results, self._formula)

    def inspect(self) -> dict[str, Any]:
        """What the class of the model says."""
        return dict(self._facts)

    def predict(self, columns: Columns) -> Rows:
        """Raw rows."""
        count = len(columns[0]) if columns else 0
        names = list(self._signature.names) or self._names
        fields = self._signature.inputs or tuple(
            SignatureField(name, guessed_type(values))  # type: ignore[arg-type]
            for name, values in zip(names, columns, strict=True)
        )
        if self._formula:
            values = self._results.predict(to_frame(columns, fields))
        else:
            by_own_order = reordered(columns, [field.name for field in fields], self._names)
            frame = to_frame(columns, fields) if by_own_order is columns else None
            if frame is None:
                order = {field.name: field for field in fields}
                frame = to_frame(by_own_order, [order[name] for name in self._names])
            values = self._results.predict(frame.to_numpy(dtype=float))
        rows = rows_of(values, count)
        return two_columns(rows) if self._facts.get("task") == "binary" else rows


def _facts(results: Any, formula: bool) -> dict[str, Any]:
    model = results.model
    name = type(model).__name__
    facts: dict[str, Any] = {"estimator": f"{type(model).__module__}.{name}"}
    names = [str(part) for part in getattr(model, "exog_names", None) or ()]
    if names and not formula:
        facts |= {"inputs": names, "width": len(names)}
    family = type(getattr(model, "family", None)).__name__
    if name in ("Logit", "Probit") or family == "Binomial":
        return facts | {"task": "binary", "classes": [0, 1], "gives": "probability"}
    if name == "MNLogit":
        classes = list(range(int(model.J)))
        return facts | {"task": "multiclass", "classes": classes, "gives": "probability"}
    if name == "QuantReg":
        return facts | {"task": "quantile", "levels": [float(results.q)], "gives": "value"}
    return facts | {"task": "regression", "gives": "value"}


formats.register("statsmodels")(Statsmodels())
