"""Level 1 to 2, reproducible: what the data are, and what they may not give away."""

from __future__ import annotations

from collections.abc import Callable

from pilothouse.governance.maturity.checks import (
    NOTHING,
    MaturityCheck,
    Mend,
    attested_or,
    dataset_link,
    maturity_checks,
    of_versions,
)
from pilothouse.governance.maturity.checks.reproducing import ASK, measurement_of
from pilothouse.governance.maturity.evidence_values import (
    BackingDataset,
    MaturityEvidence,
    ProductionEvidence,
)
from pilothouse.governance.maturity.verdicts import MaturityVerdict, of_every

LEAKAGE = "leakage"
OVERLAP = 0.01  # of the held-out rows may equal a training row, as the gate has it by default
FILLED = 0.8


def _split(version: ProductionEvidence) -> str:
    if version.run is None or not version.run.split:
        return "how its rows were split is not recorded"
    measured = measurement_of(version, LEAKAGE)
    if isinstance(measured, str):
        return f"leakage between both sides of its split is not known: {measured}"
    figures = measured.figures
    if figures["row_share"] > OVERLAP:
        return f"{figures['row_share']:.1%} of the held-out rows equal a training row"
    if figures["entity_share"]:
        return f"{figures['entity_share']:.1%} of the held-out rows have an entity of the training"
    timed = version.dataset is not None and version.dataset.event_time
    if timed and figures["late_share"]:
        return f"{figures['late_share']:.1%} of the training rows are later than a held-out one"
    return ""


def _importance(version: ProductionEvidence) -> str:
    return "" if version.has_importance else "the importance of its inputs is not known"


def _same_features(version: ProductionEvidence) -> str:
    if version.feature_steps:
        return ""
    return "its file has no steps that make features: what makes them in training is not served"


def _of_datasets(
    evidence: MaturityEvidence, judge: Callable[[BackingDataset], str]
) -> MaturityVerdict:
    nothing = "no dataset version behind production is recorded" if evidence.versions else NOTHING
    return of_every(evidence.datasets, dataset_link, judge, "datasets", nothing)


def _datasheet(dataset: BackingDataset) -> str:
    if dataset.filled >= FILLED * dataset.parts:
        return ""
    return f"{dataset.filled} of {dataset.parts} parts of its datasheet are filled"


def _personal(dataset: BackingDataset) -> str:
    if dataset.sensitive is None:
        return "its tag `sensitive` does not say which columns are personal, or none"
    lacking = [part for part in ("purpose", "sensitive_data") if not dataset.texts.get(part)]
    named = {"purpose": "the purpose", "sensitive_data": "the sensitive data"}
    return f"its datasheet does not state {named[lacking[0]]}" if lacking else ""


maturity_checks.register("split_sound")(
    MaturityCheck(
        number=17,
        title="The split is recorded, and nothing leaks across it",
        description="No row and no entity is on both sides, and rows with a time are held out in "
        "its order.",
        level=2,
        area="data",
        evaluate=lambda evidence: of_versions(evidence, _split),
        mend=ASK,
        effort="hours",
    )
)
maturity_checks.register("importance_known")(
    MaturityCheck(
        number=18,
        title="What every input is worth is known",
        description="The importance of the inputs is kept with the run or with an evaluation.",
        level=2,
        area="data",
        evaluate=lambda evidence: of_versions(evidence, _importance),
        mend=Mend("Evaluate the version", kind="version"),
        effort="hours",
        tags=("T-Data2",),
    )
)
maturity_checks.register("same_features")(
    MaturityCheck(
        number=19,
        title="The same code makes features in training and in serving",
        description="The steps that make features are in the model's own file.",
        level=2,
        area="data",
        evaluate=lambda evidence: of_versions(evidence, _same_features),
        mend=Mend("Put them into the model's pipeline", "experiments"),
        effort="days",
        tags=("T-Data7", "T-Monitor3"),
    )
)
maturity_checks.register("datasheet_filled")(
    MaturityCheck(
        number=20,
        title="Every dataset behind production has a datasheet",
        description=f"At least {FILLED:.0%} of its parts are filled, by evidence or by people.",
        level=2,
        area="data",
        evaluate=lambda evidence: _of_datasets(evidence, _datasheet),
        mend=Mend("Write the datasheet", "data", "dataset", "datasheet"),
        tags=("D",),
    )
)
maturity_checks.register("personal_data")(
    MaturityCheck(
        number=21,
        title="Personal data are marked, and their purpose is stated",
        description="The tag `sensitive` of the dataset names the columns, or none of them, and "
        "its datasheet states the purpose and the sensitive data.",
        level=2,
        area="data",
        evaluate=lambda evidence: attested_or(
            evidence, "personal_data", _of_datasets(evidence, _personal)
        ),
        mend=Mend("Mark the columns and write the datasheet", "data", "dataset", "datasheet"),
        tags=("T-Data5",),
        attest_days=365,
    )
)
