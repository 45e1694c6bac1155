"""What people attest for maturity checks that no evidence can pass; rows are only ever added.

The newest statement of a check and a model counts until its end.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from pilothouse.activity import record
from pilothouse.governance.maturity.checks import maturity_checks
from pilothouse.governance.maturity.evidence_values import AttestedStatement
from pilothouse.governance.tables import Attestation
from pilothouse.kit.errors import Invalid, NotFound
from pilothouse.people import require_person
from pilothouse.registry.tables import Model
from pilothouse.storage import Store

MAX_TEXT = 2_000
ACT = "a maturity check is attested"


def attest(
    session: Session, store: Store, check: str, text: str, model: str = "", days: int | None = None
) -> AttestedStatement:
    """Store what a person attests for a check.

    Raises NotFound, Invalid for a check that only evidence passes, for a text that is empty or too
    long, for a model that is missing or is not asked for and for days outside of 1 to the most that
    the check allows, PersonNeeded and Refused without a person.
    """
    longest = _check(check, text, model, days)
    if model and session.get(Model, model) is None:
        raise NotFound(f"no model {model!r}.")
    require_person(session, store, ACT)
    now = store.now()
    row = Attestation(
        check_name=check, model=model, text=text.strip(), at=now, by=store.actor,
        expires_at=now + timedelta(days=days or longest),
    )  # fmt: skip
    session.add(row)
    session.flush()
    after = {"check": check, "model": model, "days": days or longest}
    name = maturity_checks.get(check).title
    record(
        session, store, "attested", "maturity_check", check, name=name, after=after, reason=row.text
    )
    return _statement(row)


def in_force(session: Session, at: datetime) -> Mapping[tuple[str, str], AttestedStatement]:
    """The newest statement of each check and model, where its end has not come."""
    query = select(Attestation).where(col(Attestation.at) <= at).order_by(col(Attestation.id))
    newest = {(row.check_name, row.model): row for row in session.exec(query)}
    return {key: _statement(row) for key, row in newest.items() if row.expires_at > at}


def _check(check: str, text: str, model: str, days: int | None) -> int:
    kind = maturity_checks.get(check)
    if kind.attest_days is None:
        raise Invalid(
            f"{kind.title!r} is passed by evidence only.",
            hint=f"{kind.mend.label}.",
            fields={"check": "not attested"},
        )
    wrong = {}
    if not 0 < len(text.strip()) <= MAX_TEXT:
        wrong["text"] = f"1 to {MAX_TEXT:,} characters are needed"
    if bool(model) != kind.of_models:
        wrong["model"] = "needed" if kind.of_models else "it is attested for the whole workspace"
    if days is not None and not 1 <= days <= kind.attest_days:
        wrong["days"] = f"must be 1 to {kind.attest_days}"
    if wrong:
        raise Invalid.of_fields("this cannot be attested", wrong)
    return kind.attest_days


def _statement(row: Attestation) -> AttestedStatement:
    return AttestedStatement(row.check_name, row.model, row.text, row.by, row.at, row.expires_at)
