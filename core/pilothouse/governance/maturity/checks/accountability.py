"""Level 3 to 4, self-operating: what people answer for, and the notes on what went wrong."""

from __future__ import annotations

from pilothouse.governance.maturity.checks import (
    NOTHING,
    MaturityCheck,
    Mend,
    attested,
    attested_or,
    maturity_checks,
)
from pilothouse.governance.maturity.evidence_values import Incident, MaturityEvidence
from pilothouse.governance.maturity.verdicts import (
    EvidenceLink,
    MaturityVerdict,
    failed,
    not_applicable,
    of_every,
)

PLAN_DAYS = 180


def _risks(evidence: MaturityEvidence) -> MaturityVerdict:
    models = sorted({version.model for version in evidence.versions})
    if not models:
        return failed(NOTHING)
    verdict = attested(evidence, "risk_register", models)
    if verdict is not None:
        return verdict

    def link(model: str, text: str) -> EvidenceLink:
        return EvidenceLink("model", model, model, text)

    def reason(model: str) -> str:
        held = ("risk_register", model) in evidence.attested
        return "" if held else "no entry of a risk register is attested"

    return of_every(models, link, reason, "models", NOTHING)


def _notes(evidence: MaturityEvidence) -> MaturityVerdict:
    if not evidence.incidents:
        return not_applicable("nothing was rolled back, and no severe alert has fired")

    def link(incident: Incident, text: str) -> EvidenceLink:
        old = incident.link
        return EvidenceLink(old.kind, old.ref, old.title, text)

    return of_every(
        evidence.incidents,
        link,
        lambda incident: "" if incident.has_note else "nobody wrote a note",
        "incidents",
        "",
    )


maturity_checks.register("monitoring_plan")(
    MaturityCheck(
        number=48,
        title="A plan of what is watched after release exists and was reviewed",
        description=f"A person attests where the plan is, and that it was reviewed in the last "
        f"{PLAN_DAYS} days.",
        level=4,
        area="governance",
        evaluate=lambda evidence: attested_or(
            evidence, "monitoring_plan", failed(f"nobody attested it in the last {PLAN_DAYS} days")
        ),
        mend=Mend("Attest it", "maturity"),
        effort="days",
        tags=("E-9",),
        attest_days=PLAN_DAYS,
    )
)
maturity_checks.register("risk_register")(
    MaturityCheck(
        number=49,
        title="Every model in production is in a risk register",
        description="A person attests the risk, its mitigation and when it is reviewed, for each "
        "model.",
        level=4,
        area="governance",
        evaluate=_risks,
        mend=Mend("Attest it", "maturity"),
        effort="days",
        tags=("E-Art9", "N-Manage"),
        attest_days=365,
        of_models=True,
    )
)
maturity_checks.register("erasure_tested")(
    MaturityCheck(
        number=50,
        title="A request to erase a person's data has a tested procedure",
        description="A person attests the procedure, and when it was tried.",
        level=4,
        area="data",
        evaluate=lambda evidence: attested_or(
            evidence, "erasure_tested", failed("nobody attested it in the last 365 days")
        ),
        mend=Mend("Attest it", "maturity"),
        effort="days",
        attest_days=365,
    )
)
maturity_checks.register("incidents_noted")(
    MaturityCheck(
        number=51,
        title="Every rollback and every severe alert has a note",
        description="The reason of a rollback; a note or a comment on a critical alert that fired.",
        level=4,
        area="governance",
        evaluate=_notes,
        mend=Mend("Write the note", "attention", "alert"),
    )
)
