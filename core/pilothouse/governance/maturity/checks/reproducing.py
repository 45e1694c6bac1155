"""Level 1 to 2, reproducible: the data are kept, and the training can be run again."""

from __future__ import annotations

from datetime import timedelta

from pilothouse.governance.maturity.checks import (
    MaturityCheck,
    Mend,
    maturity_checks,
    of_versions,
)
from pilothouse.governance.maturity.evidence_values import (
    MaturityEvidence,
    ProductionEvidence,
    StoredMeasurement,
)
from pilothouse.governance.maturity.verdicts import MaturityVerdict

REPLAY_DAYS, TRIALS, FOLDS = 90, 10, 3
REPRODUCTION, BASELINE = "reproduction", "baseline"
TOLERANCE = 0.001  # of the metric, as the gate of the same name has it by default
ASK = Mend("Ask for it before production, then measure the version", "policies")


def measurement_of(version: ProductionEvidence, kind: str) -> StoredMeasurement | str:
    """The newest measurement of a kind, or why there is none with figures."""
    measured = version.measured.get(kind)
    if measured is None:
        return "it was not measured"
    return measured.message or measured


def _data_kept(version: ProductionEvidence) -> str:
    if version.dataset is None:
        return "its dataset version is not recorded, or is not here any more"
    if not version.dataset.content_hash:
        return f"{version.dataset.ref} has no hash"
    return "" if version.dataset.is_loadable else f"the content of {version.dataset.ref} is gone"


def _has_schema(version: ProductionEvidence) -> str:
    if not version.signature.inputs:
        return "it does not say its inputs"
    contract = version.dataset is not None and version.dataset.has_contract
    return "" if contract else "its dataset has no contract"


def _is_job(version: ProductionEvidence) -> str:
    if version.run is None:
        return "the run that made it is not recorded here"
    return "" if version.run.job else "no job trained it, so that nothing can run it again"


def _replayed(evidence: MaturityEvidence) -> MaturityVerdict:
    def reason(version: ProductionEvidence) -> str:
        measured = measurement_of(version, REPRODUCTION)
        if isinstance(measured, str):
            return f"its training was not run again: {measured}"
        if evidence.at - measured.at > timedelta(days=REPLAY_DAYS):
            return f"its training was run again on {measured.at:%Y-%m-%d}, too long ago"
        recorded, again = measured.figures["recorded"], measured.figures["again"]
        if abs(again - recorded) > TOLERANCE * abs(recorded):
            return f"run again, the metric is {again:.4g} and not {recorded:.4g}"
        return ""

    return of_versions(evidence, reason)


def _baseline(version: ProductionEvidence) -> str:
    measured = measurement_of(version, BASELINE)
    compared = not isinstance(measured, str) and bool(measured.figures.get("baselines"))
    if compared or version.baselines:
        return ""
    return "no simple model was measured on its held-out rows"


def _searched(evidence: MaturityEvidence) -> MaturityVerdict:
    def reason(version: ProductionEvidence) -> str:
        trials = version.run.trials if version.run else 0
        if trials >= TRIALS or ("search", version.model) in evidence.attested:
            return ""
        return f"its search had {trials} trials" if trials else "nothing was searched"

    verdict = of_versions(evidence, reason)
    models = [v.model for v in evidence.versions if not v.run or v.run.trials < TRIALS]
    return verdict.by_attestation() if verdict.state == "passed" and models else verdict


def _spread(version: ProductionEvidence) -> str:
    folds = version.run.folds if version.run else 0
    return "" if folds >= FOLDS else "its metric is one number, without folds"


maturity_checks.register("data_kept")(
    MaturityCheck(
        number=10,
        title="The data of every version in production are recorded and can be loaded",
        description="A dataset version with the hash of its content, which is still stored.",
        level=2,
        area="data",
        must=True,
        evaluate=lambda evidence: of_versions(evidence, _data_kept),
        mend=Mend("Register the data and train on them", "data"),
        effort="hours",
        tags=("E-2d", "T-Infra1"),
    )
)
maturity_checks.register("schema_kept")(
    MaturityCheck(
        number=11,
        title="A data contract is kept for every version in production",
        description="The version says its inputs, and its dataset has a contract.",
        level=2,
        area="data",
        must=True,
        evaluate=lambda evidence: of_versions(evidence, _has_schema),
        mend=Mend("Describe the version, or set the contract of its data", kind="version"),
        tags=("T-Data1",),
    )
)
maturity_checks.register("training_is_job")(
    MaturityCheck(
        number=12,
        title="Training is a job that can be run again",
        description="A job of this workspace trained what is in production: a training, a recipe, "
        "a pipeline or a retraining.",
        level=2,
        area="infrastructure",
        must=True,
        evaluate=lambda evidence: of_versions(evidence, _is_job),
        mend=Mend("Train it here, or register its code as a recipe", "pipelines"),
        effort="hours",
        tags=("G1", "M2"),
    )
)
maturity_checks.register("training_reproduced")(
    MaturityCheck(
        number=13,
        title="The training, run again, gives the same metric",
        description=f"Measured in the last {REPLAY_DAYS} days, within a thousandth of the metric.",
        level=2,
        area="infrastructure",
        must=True,
        evaluate=_replayed,
        mend=ASK,
        effort="hours",
        tags=("T-Infra1",),
    )
)
maturity_checks.register("baseline_compared")(
    MaturityCheck(
        number=14,
        title="Compared with a simpler model on the same rows",
        description="A measurement of simple models, or the run of one that held out the same "
        "rows.",
        level=2,
        area="model",
        evaluate=lambda evidence: of_versions(evidence, _baseline),
        mend=ASK,
        effort="hours",
        tags=("T-Model5",),
    )
)
maturity_checks.register("search")(
    MaturityCheck(
        number=15,
        title="Hyperparameters were searched, or a reason says why not",
        description=f"The version is the best of a search of at least {TRIALS} trials; else a "
        "person gives the reason.",
        level=2,
        area="model",
        evaluate=_searched,
        mend=Mend("Train with a search, or give the reason", "maturity"),
        effort="hours",
        tags=("T-Model3",),
        attest_days=365,
        of_models=True,
    )
)
maturity_checks.register("spread_known")(
    MaturityCheck(
        number=16,
        title="The metric is an estimate with its spread",
        description=f"Cross-validated: at least {FOLDS} scores of folds are recorded.",
        level=2,
        area="model",
        evaluate=lambda evidence: of_versions(evidence, _spread),
        mend=Mend("Train with cross-validation", "experiments"),
        effort="hours",
        tags=("C-Metrics",),
    )
)
