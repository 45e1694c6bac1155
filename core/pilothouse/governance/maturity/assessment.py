"""The maturity of a workspace: every check on its evidence, and the level that follows."""

from __future__ import annotations

from pilothouse.governance.maturity.checks import maturity_checks
from pilothouse.governance.maturity.evidence_values import MaturityEvidence
from pilothouse.governance.maturity.gathering import gather
from pilothouse.governance.maturity.scoring import CheckedItem, MaturityReport, score
from pilothouse.storage import Store


def assess(store: Store) -> MaturityReport:
    """The report on a workspace as it is now."""
    return report_on(gather(store))


def report_on(evidence: MaturityEvidence) -> MaturityReport:
    """The report on some evidence: a pure function."""
    items = [
        CheckedItem(name, check, check.evaluate(evidence))
        for name, check in maturity_checks.items()
    ]
    models = sorted({version.model for version in evidence.versions})
    return score(items, evidence.at, models)
