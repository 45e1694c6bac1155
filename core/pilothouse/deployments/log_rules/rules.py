"""The rules of a deployment's prediction log, and the commands that change them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlmodel import Session

from pilothouse.activity import record
from pilothouse.deployments import commands
from pilothouse.deployments.prediction_log import column_hashes
from pilothouse.deployments.prediction_log.stored_columns import RESERVED
from pilothouse.deployments.route_generation import increment_generation
from pilothouse.deployments.tables import FeatureRuleRow, LogRule
from pilothouse.jobs import schedules
from pilothouse.kit.errors import Invalid
from pilothouse.storage import Store

MAX_KEEP_DAYS = 36_500
CLEAN_UP_JOB = "clean_log"  # the workflow that deletes old rows
CLEAN_UP_TIME = "23 3 * * *"  # every day, in UTC


@dataclass(frozen=True)
class LogRules:
    """How a deployment's predictions are logged: `keep_days` is None to keep them for ever.

    The `dropped` inputs are not logged, of the `hashed` ones hashes are in place of their values.
    `share` is that of the requests whose predictions are logged, above 0; None for all.
    """

    keep_days: int | None = None
    dropped: tuple[str, ...] = ()
    hashed: tuple[str, ...] = ()
    share: float | None = None

    def to_json(self) -> dict[str, Any]:
        """The parts that are set, as a file has them."""
        value: dict[str, Any] = {"keep_days": self.keep_days, "share": self.share}
        value |= {"drop": [*self.dropped], "hash": [*self.hashed]}
        return {name: part for name, part in value.items() if part}

    def lines(self) -> list[str]:
        """Its parts for people, a line each."""
        length = "for ever" if self.keep_days is None else f"{self.keep_days:,} days"
        return [
            f"log kept: {length}",
            f"not logged: {', '.join(self.dropped) or 'nothing'}",
            f"hashed: {', '.join(self.hashed) or 'nothing'}",
            f"requests logged: {'all' if self.share is None else f'{100 * self.share:g} %'}",
        ]


KEPT_FOR_EVER = LogRules()


def rules_of(session: Session, name: str) -> LogRules:
    """The rules of a deployment's log. Raises NotFound."""
    commands.require(session, name)
    row = session.get(LogRule, name)
    return LogRules() if row is None else _rules(row)


def set_rules(session: Session, store: Store, name: str, rules: LogRules, reason: str) -> None:
    """Replace the rules of a deployment's log. Raises NotFound, Invalid."""
    check_rules(rules)
    rules = replace(
        rules,
        dropped=_in_order(rules.dropped),
        hashed=_in_order(rules.hashed),
        share=None if rules.share == 1.0 else rules.share,
    )
    before = rules_of(session, name)
    if rules == before:
        return
    check_columns(session, name, rules, before)
    if rules.hashed:
        column_hashes.ensure_key(store.folder)
    row = session.get(LogRule, name) or LogRule(deployment=name)
    row.keep_days = rules.keep_days
    row.dropped, row.hashed = list(rules.dropped) or None, list(rules.hashed) or None
    row.share = rules.share
    session.add(row)
    increment_generation(session)
    _schedule(session, store, name, needed=rules.keep_days is not None)
    record(
        session,
        store,
        "log_rules_changed",
        "deployment",
        name,
        before=asdict(before),
        after=asdict(rules),
        reason=reason,
    )


def check_rules(rules: LogRules) -> None:
    """Raises Invalid that names each part that cannot be used."""
    fields: dict[str, str] = {}
    if rules.keep_days is not None and not 1 <= rules.keep_days <= MAX_KEEP_DAYS:
        fields["keep_days"] = f"between 1 and {MAX_KEEP_DAYS:,}"
    if rules.share is not None and not 0.0 < rules.share <= 1.0:
        fields["share"] = "above 0, and at most 1 for all requests"
    both = sorted(set(rules.dropped) & set(rules.hashed))
    if both:
        fields["hash"] = f"{both[0]!r} is dropped: a column is dropped or hashed, not both"
    if fields:
        raise Invalid.of_fields("these rules of the log cannot be used", fields)


def check_columns(session: Session, name: str, rules: LogRules, before: LogRules) -> None:
    """Raises Invalid for a column that is no input, and for one that the log itself needs.

    What is in force already may stay, also when another version has no such input.
    """
    version = commands.require(session, name)
    signature = commands.signature_of(session, name, version.model, version.version)
    looked_up = session.get(FeatureRuleRow, name)
    keys = () if looked_up is None else looked_up.keys
    allowed = {*signature.names, *keys, *before.dropped, *before.hashed}
    fields: dict[str, str] = {}
    if rules.share is not None and version.external:
        fields["share"] = "it is served elsewhere: send fewer of its predictions"
    for part, names in (("drop", rules.dropped), ("hash", rules.hashed)):
        for column in names:
            if column in allowed:
                continue
            fields[part] = f"{column!r} is not an input of the version that serves"
            if column in RESERVED:
                fields[part] = f"{column!r} stays: labels and windows find a prediction by it"
    if fields:
        raise Invalid.of_fields("these rules of the log cannot be used", fields)


def _in_order(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(names)))


def note_clean_up(session: Session, store: Store, name: str, held_by: str) -> None:
    """Note when old rows were deleted last, and why some are kept longer than the rule says."""
    row = session.get(LogRule, name)
    if row is not None:
        row.cleaned_at, row.held_by = store.now(), held_by
        session.add(row)


def last_clean_up(session: Session, name: str) -> Mapping[str, Any]:
    """When old rows were deleted last, and why some were kept longer: `cleaned_at`, `held_by`."""
    row = session.get(LogRule, name)
    if row is None:
        return {"cleaned_at": None, "held_by": ""}
    return {"cleaned_at": row.cleaned_at, "held_by": row.held_by}


def schedule_name(deployment: str) -> str:
    """The name of the schedule that deletes a deployment's old rows."""
    return f"Delete old rows of {deployment}"


def _schedule(session: Session, store: Store, name: str, *, needed: bool) -> None:
    """Let the clean-up run every day while rows are not kept for ever."""
    title = schedule_name(name)
    if schedules.find(session, title) is not None:
        schedules.switch(session, store, title, enabled=needed)
    elif needed:
        schedule = schedules.ScheduleSpec(
            title,
            CLEAN_UP_TIME,
            CLEAN_UP_JOB,
            {"deployment": name},
            title=title,
            subject=("deployment", name),
        )
        schedules.add(session, store, schedule)


def _rules(row: LogRule) -> LogRules:
    return LogRules(row.keep_days, tuple(row.dropped or ()), tuple(row.hashed or ()), row.share)
