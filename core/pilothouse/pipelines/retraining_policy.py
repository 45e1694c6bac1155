"""Retraining policies: when a deployment's model is retrained, who is asked, and on which rows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlmodel import Session

from pilothouse.activity import record
from pilothouse.deployments import commands
from pilothouse.kit.errors import Conflict, Invalid
from pilothouse.kit.parameters import read_params
from pilothouse.pipelines import retraining_decisions
from pilothouse.pipelines.tables import StoredRetrainingPolicy
from pilothouse.pipelines.triggers import triggers
from pilothouse.storage import Store

AUTO, PROPOSE, OFF = "auto", "propose", "off"
MODES = (AUTO, PROPOSE, OFF)
WEEKS, SINCE, ALL = "weeks", "since", "all"
ROWS = (WEEKS, SINCE, ALL)
ALERT, MANUAL = "alert", "manual"
MAX_WEEKS = 520
MIN_ROWS = 10
WHOLE_NUMBERS = ("weeks", "monthly_budget", "min_rows", "held_out_days")
NUMBERS = (*WHOLE_NUMBERS, "cooldown_days", "min_labelled_share", "half_life_days")
OPTIONAL = ("monthly_budget", "half_life_days")  # may be None


@dataclass(frozen=True)
class RetrainingPolicy:
    """When a deployment's model is retrained, and on which of its labelled predictions.

    With the mode "auto" a trigger starts a retraining, with "propose" a person is asked first, and
    with "off" there is none. Whatever the mode, the result is only proposed. `triggers` has the
    parameters of each chosen trigger by its name.

    Retrainings that start by themselves are at least `cooldown_days` apart, and at most
    `monthly_budget` in a calendar month (UTC; None is no limit); by hand there is no such limit.
    A retraining needs `min_rows` labelled rows, and labels for `min_labelled_share` of all rows.

    `rows` is "weeks" for the last `weeks`, "since" for all rows from the instant `since` on, and
    "all". With `half_life_days` a row of that age weighs half as much as the newest one. The rows
    of the last `held_out_days` (between a twentieth and half of all rows) are not trained on: they
    decide between champion and challenger.
    """

    mode: str = AUTO
    triggers: Mapping[str, Mapping[str, Any]] = field(
        default_factory=lambda: {ALERT: {}, MANUAL: {}}
    )
    cooldown_days: float = 0.0
    monthly_budget: int | None = None
    min_rows: int = 500
    min_labelled_share: float = 0.0
    rows: str = WEEKS
    weeks: int = 8
    since: datetime | None = None
    half_life_days: float | None = None
    held_out_days: int = 14

    def start(self, until: datetime) -> datetime | None:
        """The first instant of the rows to train on; None when there is no such limit."""
        match self.rows:
            case "weeks":
                return until - timedelta(weeks=self.weeks)
            case "since":
                return self.since
            case _:
                return None

    def parameters_of(self, trigger: str) -> dict[str, Any]:
        """Every parameter of a chosen trigger: those that are set, and the defaults."""
        parameters = triggers.get(trigger).parameters
        return dict(read_params(f"the trigger {trigger}", parameters, self.triggers[trigger]))

    @property
    def rows_text(self) -> str:
        """Which rows it trains on, for sentences: "the last 8 weeks"."""
        match self.rows:
            case "weeks":
                return f"the last {self.weeks} weeks"
            case "since":
                return f"everything since {self.since:%Y-%m-%d}"
            case _:
                return "everything"

    def to_json(self) -> dict[str, Any]:
        """Plain values that `policy_of` reads back."""
        plain = {name: dict(params) for name, params in self.triggers.items()}
        since = None if self.since is None else self.since.isoformat()
        return {**asdict(self), "triggers": plain, "since": since}


SETTINGS = tuple(item.name for item in fields(RetrainingPolicy))


def policy_of(
    settings: Mapping[str, Any] | RetrainingPolicy, base: RetrainingPolicy | None = None
) -> RetrainingPolicy:
    """A checked policy: the base, or the defaults, with these settings.

    `since` may be an instant, a date (UTC) or ISO text, and `triggers` a list of names. Raises
    Invalid that names the wrong setting, NotFound for a trigger.
    """
    if isinstance(settings, RetrainingPolicy):
        settings = settings.to_json()
    if unknown := [name for name in settings if name not in SETTINGS]:
        raise Invalid(
            f"a retraining policy has no setting {', '.join(unknown)}.",
            hint=f"Known: {', '.join(SETTINGS)}.",
            fields=dict.fromkeys(unknown, "unknown"),
        )
    read = dict(settings)
    if "since" in read:
        read["since"] = _instant(read["since"])
    if "triggers" in read:
        read["triggers"] = _triggers(read["triggers"])
    policy = replace(base or RetrainingPolicy(), **read)
    wrong = _mistyped(read) or {name: message for name, message in _wrong(policy) if message}
    if wrong:
        message = "; ".join(f"{name} {problem}" for name, problem in wrong.items())
        raise Invalid(f"this retraining policy cannot hold: {message}.", fields=wrong)
    return policy


def policy_for(session: Session, deployment: str) -> RetrainingPolicy:
    """A deployment's policy; the defaults while nobody has set one."""
    row = session.get(StoredRetrainingPolicy, deployment)
    if row is None:
        return RetrainingPolicy()
    return RetrainingPolicy(**{name: getattr(row, name) for name in SETTINGS})


def require_on(session: Session, deployment: str) -> RetrainingPolicy:
    """The policy of a deployment. Raises Conflict when it is off."""
    policy = policy_for(session, deployment)
    if policy.mode == OFF:
        raise Conflict(
            f"retraining of {deployment!r} is off.", hint="Change its retraining policy first."
        )
    return policy


def set_policy(
    session: Session, store: Store, deployment: str, settings: Mapping[str, Any], reason: str
) -> RetrainingPolicy:
    """Change a deployment's policy; "off" withdraws a request that waits for an answer.

    Raises NotFound without the deployment, and as `policy_of`.
    """
    commands.require(session, deployment)
    before = policy_for(session, deployment)
    policy = policy_of(settings, before)
    changes = {
        name: value for name, value in policy.to_json().items() if before.to_json()[name] != value
    }
    if not changes:
        return policy

    now = store.now()
    row = session.get(StoredRetrainingPolicy, deployment)
    columns = {name: getattr(policy, name) for name in SETTINGS}
    columns["triggers"] = policy.to_json()["triggers"]
    if row is None:
        row = StoredRetrainingPolicy(
            deployment=deployment,
            created_at=now,
            created_by=store.actor,
            updated_at=now,
            **columns,
        )
    for name, value in columns.items():
        setattr(row, name, value)
    row.updated_at = now
    session.add(row)
    session.flush()
    was = {name: before.to_json()[name] for name in changes}
    record(
        session, store, "changed the retraining policy", "deployment", deployment,
        before=was, after=changes, reason=reason,
    )  # fmt: skip
    if policy.mode == OFF:
        retraining_decisions.withdraw(session, store, deployment, reason)
    return policy


def _mistyped(settings: Mapping[str, Any]) -> dict[str, str]:
    """The settings that are no numbers and should be, such as texts of the command line."""
    wrong = {}
    for name in NUMBERS:
        value = settings.get(name, 0)
        if value is None and name in OPTIONAL:
            continue
        whole = name in WHOLE_NUMBERS
        if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
            wrong[name] = "must be a whole number" if whole else "must be a number"
    return wrong


def _wrong(policy: RetrainingPolicy) -> list[tuple[str, str]]:
    budget, half_life = policy.monthly_budget, policy.half_life_days
    needs_since = policy.rows == SINCE and policy.since is None
    return [
        ("mode", "" if policy.mode in MODES else f"must be one of {', '.join(MODES)}"),
        ("rows", "" if policy.rows in ROWS else f"must be one of {', '.join(ROWS)}"),
        ("since", "is needed for these rows" if needs_since else ""),
        ("weeks", "" if 1 <= policy.weeks <= MAX_WEEKS else f"must be 1 to {MAX_WEEKS}"),
        ("cooldown_days", "" if 0 <= policy.cooldown_days < math.inf else "must be from 0"),
        ("monthly_budget", "" if budget is None or budget >= 1 else "must be at least 1"),
        ("min_rows", "" if policy.min_rows >= MIN_ROWS else f"must be at least {MIN_ROWS}"),
        (
            "min_labelled_share",
            "" if 0 <= policy.min_labelled_share <= 1 else "must be within 0 and 1",
        ),
        (
            "half_life_days",
            "" if half_life is None or 0 < half_life < math.inf else "must be above 0",
        ),
        ("held_out_days", "" if 1 <= policy.held_out_days <= 366 else "must be 1 to 366"),
    ]


def _triggers(value: Any) -> dict[str, dict[str, Any]]:
    """Each chosen trigger with all of its parameters, in the order of their names."""
    if not isinstance(value, Mapping | list | tuple | set):
        raise Invalid(
            f"{value!r} is no choice of triggers.",
            hint="Give a list of their names, or the parameters of each by its name.",
            fields={"triggers": "is no list"},
        )
    chosen = value if isinstance(value, Mapping) else {name: {} for name in value}
    return {
        name: dict(
            read_params(f"the trigger {name}", triggers.get(name).parameters, chosen[name] or {})
        )
        for name in sorted(chosen)
    }


def _instant(value: Any) -> datetime | None:
    if value is None or value == "":
        return None
    try:
        read = datetime.fromisoformat(value) if isinstance(value, str) else value
        if isinstance(read, date) and not isinstance(read, datetime):
            read = datetime(read.year, read.month, read.day)
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, AttributeError) as bad:
        raise Invalid(
            f"{value!r} is no date.", hint="Write 2026-03-01.", fields={"since": "is no date"}
        ) from bad
