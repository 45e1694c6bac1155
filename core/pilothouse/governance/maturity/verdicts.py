"""What a maturity check says: the state, the figure in words, and links to what proves it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

State = Literal["passed", "partial", "failed", "not applicable"]
PASSED: State = "passed"
PARTIAL: State = "partial"
FAILED: State = "failed"
NOT_APPLICABLE: State = "not applicable"
STATES = (PASSED, PARTIAL, FAILED, NOT_APPLICABLE)
MAX_LINKS = 20
Subject = TypeVar("Subject")


@dataclass(frozen=True)
class EvidenceLink:
    """An object that proves or disproves a check: `kind` and `ref` are its address.

    `text` says what is missing of it, or what it proves, as a clause.
    """

    kind: str
    ref: str
    title: str
    text: str = ""


@dataclass(frozen=True)
class MaturityVerdict:
    """The state of a check with its figure: `done` of `total` objects meet it.

    `proofs` are objects that meet it and `gaps` those that do not, at most `MAX_LINKS` of each.
    One that rests on what a person attested is `attested` and counts half.
    """

    state: State
    message: str
    done: int = 0
    total: int = 0
    proofs: tuple[EvidenceLink, ...] = ()
    gaps: tuple[EvidenceLink, ...] = ()
    attested: bool = False

    @property
    def points(self) -> float:
        """1 when evidence passes it, a half when a person's attestation does, else 0."""
        if self.state != PASSED:
            return 0.0
        return 0.5 if self.attested else 1.0

    def by_attestation(self) -> MaturityVerdict:
        """The same, said to rest on an attestation."""
        return replace(self, attested=True)

    def to_json(self) -> dict[str, Any]:
        """Plain values, for programs."""
        return {
            "state": self.state,
            "message": self.message,
            "done": self.done,
            "total": self.total,
            "attested": self.attested,
            "proofs": [vars(link) for link in self.proofs],
            "gaps": [vars(link) for link in self.gaps],
        }


def passed(message: str, *proofs: EvidenceLink, total: int = 1) -> MaturityVerdict:
    """Passed as a whole."""
    return MaturityVerdict(PASSED, message, total, total, proofs[:MAX_LINKS])


def failed(message: str, *gaps: EvidenceLink, total: int = 1) -> MaturityVerdict:
    """Failed as a whole."""
    return MaturityVerdict(FAILED, message, 0, total, gaps=gaps[:MAX_LINKS])


def not_applicable(message: str) -> MaturityVerdict:
    """There is nothing that the check asks about."""
    return MaturityVerdict(NOT_APPLICABLE, message)


def counted(
    total: int, gaps: Sequence[EvidenceLink], missing: int, noun: str, nothing: str
) -> MaturityVerdict:
    """The verdict on `total` objects of which `missing` do not meet the check; `gaps` names some.

    Without any object it has failed, for `nothing`: there is no evidence.
    """
    if not total:
        return MaturityVerdict(FAILED, nothing)
    done = total - missing
    message = f"{done:,} of {total:,} {noun}"
    if gaps:
        more = f" and {missing - 1:,} more" if missing > 1 else ""
        message += f"; {gaps[0].title}{more}: {gaps[0].text}"
    state = PASSED if not missing else PARTIAL if done else FAILED
    return MaturityVerdict(state, message, done, total, gaps=tuple(gaps[:MAX_LINKS]))


def of_every(
    subjects: Sequence[Subject],
    link: Callable[[Subject, str], EvidenceLink],
    judge: Callable[[Subject], str],
    noun: str,
    nothing: str,
) -> MaturityVerdict:
    """Passed when `judge` says nothing against any subject; what it says is a clause."""
    judged = [(subject, judge(subject)) for subject in subjects]
    gaps = [link(subject, reason) for subject, reason in judged if reason]
    verdict = counted(len(judged), gaps, len(gaps), noun, nothing)
    proofs = tuple(link(subject, "") for subject, reason in judged if not reason)
    return replace(verdict, proofs=proofs[:MAX_LINKS])
