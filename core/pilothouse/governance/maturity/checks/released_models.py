"""Level 2 to 3, controlled release: what is known of a model before people depend on it."""

from __future__ import annotations

from pilothouse.governance.maturity.checks import (
    MaturityCheck,
    Mend,
    maturity_checks,
    of_versions,
    version_link,
)
from pilothouse.governance.maturity.checks.reproducing import ASK, measurement_of
from pilothouse.governance.maturity.evidence_values import MaturityEvidence, ProductionEvidence
from pilothouse.governance.maturity.verdicts import MaturityVerdict, not_applicable, of_every

WORST_SLICE, GROUP_GAPS = "worst_slice", "group_gaps"
SHORTFALL = 0.1  # of the metric, as the gate of the same name has it by default
NONE = "none"  # what the tag `sensitive` says of data without such columns


def _explained(version: ProductionEvidence) -> str:
    if not version.has_reference:
        return "it has no evaluated rows that an explanation could compare with"
    logged = any(deployment.keeps_log for deployment in version.deployments)
    return "" if logged else "none of its predictions is logged here"


def _slices(version: ProductionEvidence) -> str:
    measured = measurement_of(version, WORST_SLICE)
    if isinstance(measured, str):
        return f"its worst slice is not known: {measured}"
    figures = measured.figures
    if figures["shortfall"] > SHORTFALL:
        slice_name = f"{figures['column']} {figures['segment']}"
        return f"{slice_name} falls {figures['shortfall']:.3g} behind all rows"
    return ""


def sensitive_columns(version: ProductionEvidence) -> tuple[str, ...] | None:
    """The columns that its dataset's tag declares sensitive; None where nothing is declared."""
    declared = version.dataset.sensitive if version.dataset else None
    if declared is None:
        return None
    names = [name.strip() for name in declared.split(",") if name.strip()]
    return tuple(name for name in names if name.lower() != NONE)


def _unfair(version: ProductionEvidence) -> str:
    columns = sensitive_columns(version)
    if columns is None:
        return "which columns of its data are sensitive is not declared"
    measured = measurement_of(version, GROUP_GAPS)
    compared = set() if isinstance(measured, str) else set(_names(measured.params["columns"]))
    for deployment in version.deployments:
        compared |= set(deployment.fairness_columns)
    lacking = [name for name in columns if name not in compared]
    return f"groups of {', '.join(lacking)} were not compared" if lacking else ""


def _names(text: object) -> list[str]:
    return [name.strip() for name in str(text).split(",") if name.strip()]


def _fairness(evidence: MaturityEvidence) -> MaturityVerdict:
    judged = [v for v in evidence.versions if sensitive_columns(v) != ()]
    if evidence.versions and not judged:
        return not_applicable("the data behind production are declared to have no such column")
    reasons = {v.ref: _unfair(v) for v in judged}
    excused = [v for v in judged if reasons[v.ref] and ("fairness", v.model) in evidence.attested]
    reasons |= {version.ref: "" for version in excused}
    verdict = of_every(
        judged, version_link, lambda v: reasons[v.ref], "versions in production",
        "nothing is in production yet",
    )  # fmt: skip
    return verdict.by_attestation() if excused and verdict.state == "passed" else verdict


def _card(version: ProductionEvidence) -> str:
    card = version.card
    if card.missing:
        return f"its card has {card.filled} of {card.total} parts; {card.missing[0]} is missing"
    if card.carried_from is not None:
        return f"its card is that of version {card.carried_from}, confirmed by nobody"
    return ""


def _ci_file(version: ProductionEvidence) -> str:
    return "" if version.release_files else "no CI file was exported for this model"


def _safe_files(version: ProductionEvidence) -> str:
    if version.refused:
        return version.refused
    if version.written_here or version.signed_off:
        return ""
    return "" if version.files else "what loading its files runs was not read yet"


maturity_checks.register("predictions_explained")(
    MaturityCheck(
        number=29,
        title="A single stored prediction can be explained",
        description="Predictions are logged with their inputs, and the version has evaluated rows "
        "that an explanation compares with.",
        level=3,
        area="model",
        evaluate=lambda evidence: of_versions(evidence, _explained),
        mend=Mend("Evaluate the version, and send it predictions", kind="version"),
        tags=("T-Infra5",),
    )
)
maturity_checks.register("slices_measured")(
    MaturityCheck(
        number=30,
        title="The worst slice is known, and within its limit",
        description=f"No value or range of an input falls more than {SHORTFALL:g} behind all rows.",
        level=3,
        area="model",
        evaluate=lambda evidence: of_versions(evidence, _slices),
        mend=ASK,
        effort="hours",
        tags=("T-Model6", "C-Factors"),
    )
)
maturity_checks.register("fairness")(
    MaturityCheck(
        number=31,
        title="Groups are compared for every sensitive column",
        description="The columns that the dataset's tag `sensitive` names were compared before "
        "production, or a monitor compares them; else a person gives the reason why none is.",
        level=3,
        area="model",
        evaluate=_fairness,
        mend=Mend("Compare the groups, or give the reason", "maturity"),
        effort="hours",
        tags=("T-Model7", "E-2g", "N-Measure"),
        attest_days=365,
        of_models=True,
    )
)
maturity_checks.register("card_complete")(
    MaturityCheck(
        number=32,
        title="The model card is complete, and of this version",
        description="Every required part has a text, and a person saved it for this version.",
        level=3,
        area="governance",
        evaluate=lambda evidence: of_versions(evidence, _card),
        mend=Mend("Write the model card", kind="version", section="card"),
        tags=("C", "E-1"),
    )
)
maturity_checks.register("ci_file")(
    MaturityCheck(
        number=33,
        title="A CI file of the release was exported",
        description="The file asks the gates, deploys to staging and tries the version there; the "
        "audit log has its digest.",
        level=3,
        area="infrastructure",
        evaluate=lambda evidence: of_versions(evidence, _ci_file),
        mend=Mend("Download the CI file", kind="version"),
        tags=("G2",),
    )
)
maturity_checks.register("files_safe")(
    MaturityCheck(
        number=34,
        title="Loading the model's files is safe, or signed off",
        description="A training here wrote them, they hold data or classes of known libraries "
        "only, or a person approved their code.",
        level=3,
        area="infrastructure",
        evaluate=lambda evidence: of_versions(evidence, _safe_files),
        mend=Mend("Read what it imports, and approve it", kind="version"),
    )
)
