"""Maturity checks: each is a pure function from what is known to a verdict, with its own words.

A module holds the checks of one level and area. Each says what it asks, where it counts, and where
it is mended.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from pilothouse.governance.maturity.evidence_values import (
    BackingDataset,
    MaturityEvidence,
    ProductionEvidence,
    ServingDeployment,
)
from pilothouse.governance.maturity.verdicts import (
    EvidenceLink,
    MaturityVerdict,
    of_every,
    passed,
)
from pilothouse.kit.plugins import Plugins

Area = Literal["data", "model", "infrastructure", "monitoring", "governance"]
AREAS: tuple[Area, ...] = ("data", "model", "infrastructure", "monitoring", "governance")
Effort = Literal["minutes", "hours", "days"]
EFFORTS: tuple[Effort, ...] = ("minutes", "hours", "days")
NOTHING = "nothing is in production yet"
REGISTRY = "registry"


@dataclass(frozen=True)
class Mend:
    """Where a check is mended: what is done there, and the page when no object is to blame.

    `kind` is the kind of the objects whose page it is, and `section` the part of that page. `page`
    is a page that is not about one object, for where no object of the kind lacks anything.
    """

    label: str
    page: str = REGISTRY
    kind: str = ""
    section: str = ""


@dataclass(frozen=True)
class MaturityCheck:
    """One check: its number in the reference, what it asks, and how it is judged and mended.

    A level is reached when its checks with `must` pass. `attest_days` is how long what a person
    attests holds, None for a check that only evidence passes; `of_models` says that it is attested
    for each model. `tags` name the frameworks: T the ML Test Score, G Google's levels, M those of
    Microsoft, E the EU's AI Act, N the NIST AI RMF, C model cards, D datasheets.
    """

    number: int
    title: str
    description: str
    level: int
    area: Area
    evaluate: Callable[[MaturityEvidence], MaturityVerdict]
    mend: Mend
    must: bool = False
    effort: Effort = "minutes"
    tags: tuple[str, ...] = ()
    attest_days: int | None = None
    of_models: bool = False


maturity_checks: Plugins[MaturityCheck] = Plugins(__name__, "maturity check")


def version_link(version: ProductionEvidence, text: str) -> EvidenceLink:
    """The link to a version in production."""
    return EvidenceLink("version", version.ref, version.ref, text)


def dataset_link(dataset: BackingDataset, text: str) -> EvidenceLink:
    """The link to a dataset version."""
    return EvidenceLink("dataset", dataset.ref, dataset.ref, text)


def deployment_link(deployment: ServingDeployment, text: str) -> EvidenceLink:
    """The link to a deployment."""
    return EvidenceLink("deployment", deployment.name, deployment.name, text)


def of_versions(
    evidence: MaturityEvidence, judge: Callable[[ProductionEvidence], str]
) -> MaturityVerdict:
    """The verdict on every version in production."""
    noun = "versions in production"
    return of_every(evidence.versions, version_link, judge, noun, NOTHING)


def of_deployments(
    evidence: MaturityEvidence, judge: Callable[[ServingDeployment], str], nothing: str = ""
) -> MaturityVerdict:
    """The verdict on every deployment of what is in production."""
    nothing = nothing or "no deployment serves what is in production"
    nothing = nothing if evidence.versions else NOTHING
    return of_every(evidence.deployments, deployment_link, judge, "deployments", nothing)


def served(
    evidence: MaturityEvidence,
    judge: Callable[[ServingDeployment], str],
    one: bool = False,
) -> MaturityVerdict:
    """The verdict on every version in production, by its deployments: all, or `one` of them."""

    def reason(version: ProductionEvidence) -> str:
        if not version.deployments:
            return "no deployment serves it"
        reasons = [judge(deployment) for deployment in version.deployments]
        if one and not all(reasons):
            return ""
        return next((text for text in reasons if text), "")

    return of_versions(evidence, reason)


def attested(
    evidence: MaturityEvidence, check: str, models: Sequence[str] = ("",)
) -> MaturityVerdict | None:
    """The verdict by what people attested for the workspace, or for every one of these models."""
    statements = [evidence.attested.get((check, model)) for model in models]
    held = [statement for statement in statements if statement is not None]
    if not models or len(held) < len(statements):
        return None
    newest = max(held, key=lambda statement: statement.at)
    message = f"attested by {newest.by} on {newest.at:%Y-%m-%d}: {newest.text}"
    return passed(message, total=len(held)).by_attestation()


def attested_or(
    evidence: MaturityEvidence,
    check: str,
    verdict: MaturityVerdict,
    models: Sequence[str] = ("",),
) -> MaturityVerdict:
    """The verdict by evidence where that passes, else by attestation where there is one."""
    if verdict.state in ("passed", "not applicable"):
        return verdict
    return attested(evidence, check, models) or verdict
