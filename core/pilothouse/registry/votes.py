"""Votes on a promotion: who approves or rejects it, whose vote counts, and what is still needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from pilothouse.activity import record
from pilothouse.kit.clock import from_ms, to_ms
from pilothouse.people.persons import active_people, holders
from pilothouse.people.rights import APPROVE
from pilothouse.registry.policy import Approvals
from pilothouse.registry.policy_rows import applicable_policy
from pilothouse.registry.tables import ModelVersion, Promotion, Vote
from pilothouse.storage import Store

ONE_PERSON = "one person asked and accepted"


@dataclass(frozen=True)
class CastVote:
    """What a person voted, with a comment."""

    person: str
    approve: bool
    comment: str
    at: datetime


@dataclass(frozen=True)
class Electorate:
    """Who can vote on a promotion: its asker, the author of its version, and the people.

    `active` are those who decide here and `approvers` those of them with the right to approve.
    """

    asker: str
    author: str
    active: Set[str]
    approvers: Set[str]

    @property
    def alone(self) -> bool:
        """Whether one person decides here, who then needs nobody else."""
        return len(self.active) <= 1

    def objection(self, person: str, four_eyes: bool) -> str:
        """Why an approval of a person does not count; empty when it does."""
        if person not in self.active:
            return "is not active here"
        if person not in self.approvers:
            return "does not have the right to approve"
        if not four_eyes or self.alone:
            return ""
        if person == self.asker:
            return "asked for it, and the policy wants other people"
        return "made the version, and the policy wants others" if person == self.author else ""

    def may_reject(self, person: str) -> bool:
        """Whether a rejection of a person ends the promotion: an approver's, or the asker's own."""
        return person in self.approvers or (person == self.asker and person in self.active)


@dataclass(frozen=True)
class CountedVote:
    """The newest vote of a person; `objection` says why it does not count."""

    person: str
    approve: bool
    comment: str
    at: datetime
    objection: str = ""

    @property
    def counts(self) -> bool:
        """Whether it does."""
        return not self.objection


@dataclass(frozen=True)
class Tally:
    """The votes on a promotion beside what its policy needs."""

    needed: int
    four_eyes: bool
    alone: bool
    asker: str
    votes: tuple[CountedVote, ...] = ()

    @property
    def approved_by(self) -> tuple[str, ...]:
        """Whose approvals count."""
        return tuple(vote.person for vote in self.votes if vote.approve and vote.counts)

    @property
    def rejected_by(self) -> tuple[str, ...]:
        """Whose rejections count."""
        return tuple(vote.person for vote in self.votes if not vote.approve and vote.counts)

    @property
    def missing(self) -> int:
        """How many approvals are still needed."""
        return max(self.needed - len(self.approved_by), 0)

    @property
    def complete(self) -> bool:
        """Whether the approvals are enough, and nobody rejected it."""
        return self.missing == 0 and not self.rejected_by

    def vote_of(self, person: str) -> CountedVote | None:
        """The newest vote of a person; None without one."""
        return next((vote for vote in self.votes if vote.person == person), None)

    def decided_by(self, person: str) -> bool:
        """Whether the newest vote of this person ends the promotion, one way or the other."""
        own = self.vote_of(person)
        return own is not None and own.counts and (self.complete or not own.approve)

    @property
    def message(self) -> str:
        """What the votes say, in words."""
        if self.rejected_by:
            return f"rejected by {', '.join(self.rejected_by)}"
        if self.alone and self.approved_by == (self.asker,):
            return ONE_PERSON
        names = f": {', '.join(self.approved_by)}" if self.approved_by else ""
        return f"{len(self.approved_by)} of {self.needed} approvals{names}"

    def to_json(self) -> dict[str, Any]:
        """Plain values that `from_json` reads back, with the message for readers."""
        votes = [{**asdict(vote), "at": to_ms(vote.at)} for vote in self.votes]
        return {
            "needed": self.needed,
            "four_eyes": self.four_eyes,
            "alone": self.alone,
            "asker": self.asker,
            "votes": votes,
            "message": self.message,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Tally:
        """A stored tally."""
        votes = (CountedVote(**{**vote, "at": from_ms(vote["at"])}) for vote in value["votes"])
        return cls(
            value["needed"], value["four_eyes"], value["alone"], value["asker"], tuple(votes)
        )


def count_votes(votes: Sequence[CastVote], approvals: Approvals, who: Electorate) -> Tally:
    """Count votes in their order: the newest of each person stands for that person.

    One person alone in a workspace needs nobody else, whatever the policy says.
    """
    newest = {vote.person: vote for vote in votes}
    counted = []
    for vote in newest.values():
        if vote.approve:
            objection = who.objection(vote.person, approvals.four_eyes)
        else:
            objection = "" if who.may_reject(vote.person) else "may not reject it"
        counted.append(CountedVote(vote.person, vote.approve, vote.comment, vote.at, objection))
    needed = 1 if who.alone else max(approvals.needed, 1)
    return Tally(needed, approvals.four_eyes, who.alone, who.asker, tuple(counted))


def cast(
    session: Session, store: Store, promotion: Promotion, approve: bool, comment: str
) -> Tally:
    """Keep the vote of whoever acts, and count all of them."""
    session.add(
        Vote(
            promotion_id=promotion.id,
            model=promotion.model,
            version=promotion.version,
            person=store.actor,
            approve=approve,
            comment=comment,
            at=store.now(),
        )
    )
    session.flush()
    return of(session, promotion)


def record_vote(session: Session, store: Store, promotion: Promotion, result: Tally) -> None:
    """Write the vote of whoever acts to the log, where it decided nothing yet."""
    own = result.vote_of(store.actor)
    if own is None:
        return
    record(
        session,
        store,
        "voted",
        "promotion",
        promotion.id,
        name=f"{promotion.model}@{promotion.version} to {promotion.stage}",
        after={
            "vote": "approve" if own.approve else "reject",
            "objection": own.objection,
            "votes": result.message,
        },
        reason=own.comment,
    )


def of(session: Session, promotion: Promotion) -> Tally:
    """The votes on a promotion: as they were counted when it was decided, or as they are now."""
    if promotion.approvals is not None:
        return Tally.from_json(promotion.approvals)
    query = select(Vote).where(Vote.promotion_id == promotion.id).order_by(col(Vote.id))
    votes = [CastVote(row.person, row.approve, row.comment, row.at) for row in session.exec(query)]
    policy = applicable_policy(session, promotion.model, promotion.stage)
    return count_votes(votes, policy.approvals, electorate(session, promotion))


def electorate(session: Session, promotion: Promotion) -> Electorate:
    """Who can vote on a promotion now."""
    active = active_people(session)
    version = session.get(ModelVersion, (promotion.model, promotion.version))
    return Electorate(
        asker=promotion.requested_by,
        author=version.created_by if version else "",  # of one that was deleted nobody decides
        active=frozenset(person.name for person in active),
        approvers=holders(active, APPROVE),
    )


def objection(session: Session, promotion: Promotion, person: str) -> str:
    """Why an approval of this person would not count; empty when it would."""
    policy = applicable_policy(session, promotion.model, promotion.stage)
    who = electorate(session, promotion)
    if not who.active:  # whoever decides first is added with every right
        return ""
    return who.objection(person, policy.approvals.four_eyes)


def waiting_for(session: Session, promotion: Promotion) -> tuple[str, ...]:
    """The people whose approval would count and who have not voted yet, by name."""
    policy = applicable_policy(session, promotion.model, promotion.stage)
    who = electorate(session, promotion)
    voted = {vote.person for vote in of(session, promotion).votes}
    four_eyes = policy.approvals.four_eyes
    return tuple(sorted(name for name in who.active - voted if not who.objection(name, four_eyes)))
