"""Alert rules: which results of a deployment's windows are watched, and when they breach."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlmodel import Session, col, select

from pilothouse.activity import record
from pilothouse.kit.clock import to_ms
from pilothouse.kit.errors import Conflict, Invalid, NotFound
from pilothouse.kit.ids import uuid7
from pilothouse.kit.parameters import read_params
from pilothouse.monitoring.checks import (
    DATA_QUALITY,
    DRIFTED_SHARE,
    FEATURE_DRIFT,
    PERFORMANCE,
    PRIMARY,
    SIGNALS,
)
from pilothouse.monitoring.rules import RuleKind, rule_kinds
from pilothouse.monitoring.tables import AlertRule
from pilothouse.storage import Store

SEVERITIES = ("info", "warning", "critical")
NONE, RETRAIN = "none", "retrain"
ACTIONS = (NONE, RETRAIN)
CHOICES: Mapping[str, tuple[str, ...]] = {
    "signal": SIGNALS,
    "severity": SEVERITIES,
    "action": ACTIONS,
}


@dataclass(frozen=True)
class AlertRuleSpec:
    """A rule as it is written: `column` is a glob; `clear_threshold` is softer than `threshold`.

    With the check "primary" it watches the metric that decides for the task of each window's
    version. Of drifted outputs, "*" means those that decide.

    `for_windows` breaches in a row fire, `clear_windows` clear windows in a row resolve.
    `action` says what a workflow may do when it fires.
    """

    name: str
    signal: str
    check: str
    condition: str
    threshold: float
    column: str = "*"
    clear_threshold: float | None = None
    for_windows: int = 2
    clear_windows: int = 2
    severity: str = "warning"
    action: str = NONE


DEFAULT_RULES = (
    AlertRuleSpec(
        name="performance",
        signal=PERFORMANCE,
        check=PRIMARY,
        condition="worse_than_tolerated",
        threshold=1.0,
        clear_threshold=0.8,
        severity="critical",
        action=RETRAIN,
    ),
    AlertRuleSpec(
        name="drift",
        signal=FEATURE_DRIFT,
        check=DRIFTED_SHARE,
        condition="above",
        threshold=0.5,
        clear_threshold=0.4,
    ),
    # What is broken at its source is so at once: nobody waits for a second window of it.
    AlertRuleSpec(
        name="absent inputs",
        signal=DATA_QUALITY,
        check="absent_inputs",
        condition="above",
        threshold=0.0,
        for_windows=1,
        clear_windows=1,
    ),
    AlertRuleSpec(
        name="type change",
        signal=DATA_QUALITY,
        check="type_change",
        condition="above",
        threshold=0.02,
        for_windows=1,
        clear_windows=1,
    ),
)


def rule_title(name: str) -> str:
    """A rule's name for people: the default rules' names as titles, other names as they are."""
    return name.capitalize() if name in {rule.name for rule in DEFAULT_RULES} else name


@dataclass(frozen=True)
class RuleInfo:
    """A rule as it stands."""

    id: str
    deployment: str
    rule: AlertRuleSpec
    enabled: bool


def add_rule(session: Session, store: Store, deployment: str, rule: AlertRuleSpec) -> str:
    """Watch results by a rule and return its id. Raises Invalid, or Conflict for a taken name."""
    check_rule(rule)
    same_name = select(AlertRule).where(
        AlertRule.deployment == deployment, AlertRule.name == rule.name
    )
    if session.exec(same_name).first() is not None:
        raise Conflict(f"{deployment!r} has a rule named {rule.name!r} already.")
    row = AlertRule(
        id=uuid7(to_ms(store.now())),
        deployment=deployment,
        created_at=store.now(),
        created_by=store.actor,
        **asdict(rule),
    )
    session.add(row)
    session.flush()
    name = f"{deployment}: {rule.name}"
    record(session, store, "added", "rule", row.id, name=name, after=asdict(rule))
    return row.id


def change_rule(
    session: Session, store: Store, rule_id: str, changes: Mapping[str, Any], reason: str
) -> RuleInfo:
    """Change a rule; it holds from the next evaluated window on. Raises NotFound or Invalid."""
    row = require(session, rule_id)
    before = asdict(rule_of(row))
    unknown = [name for name in changes if name not in before]
    if unknown:
        raise Invalid(
            f"a rule has no {', '.join(unknown)}.", fields=dict.fromkeys(unknown, "unknown")
        )
    after = AlertRuleSpec(**{**before, **changes})
    check_rule(after)
    for name, value in changes.items():
        setattr(row, name, value)
    session.add(row)
    session.flush()
    name = f"{row.deployment}: {row.name}"
    was = {key: before[key] for key in changes}
    record(
        session, store, "changed", "rule", row.id,
        name=name, before=was, after=changes, reason=reason,
    )  # fmt: skip
    return rule_info(row)


def switch(
    session: Session, store: Store, rule_id: str, *, enabled: bool, reason: str
) -> AlertRule:
    """Let a rule rest, or watch again. Raises NotFound."""
    row = require(session, rule_id)
    if row.enabled != enabled:
        row.enabled = enabled
        session.add(row)
        session.flush()
        name = f"{row.deployment}: {row.name}"
        verb = "resumed" if enabled else "paused"
        record(session, store, verb, "rule", rule_id, name=name, reason=reason)
    return row


def require(session: Session, rule_id: str) -> AlertRule:
    """The rule's row. Raises NotFound."""
    row = session.get(AlertRule, rule_id)
    if row is None:
        raise NotFound(f"there is no alert rule {rule_id!r}.")
    return row


def enabled(session: Session, deployment: str) -> list[AlertRule]:
    """The rules that watch a deployment, by name."""
    query = select(AlertRule).where(AlertRule.deployment == deployment, AlertRule.enabled)
    return list(session.exec(query.order_by(col(AlertRule.name))))


def rule_of(row: AlertRule) -> AlertRuleSpec:
    """The rule as it is written."""
    return AlertRuleSpec(
        **{name: getattr(row, name) for name in AlertRuleSpec.__dataclass_fields__}
    )


def rule_info(row: AlertRule) -> RuleInfo:
    """The rule as it stands."""
    return RuleInfo(row.id, row.deployment, rule_of(row), row.enabled)


def check_rule(rule: AlertRuleSpec) -> None:
    """Raise Invalid for a rule that cannot be used."""
    fields = {
        name: f"one of {', '.join(choices)}"
        for name, choices in CHOICES.items()
        if getattr(rule, name) not in choices
    }
    for name in ("name", "check", "column"):
        if not getattr(rule, name).strip():
            fields[name] = "needed"
    for name in ("for_windows", "clear_windows"):
        if getattr(rule, name) < 1:
            fields[name] = "at least 1"
    fields |= _condition_errors(rule)
    if fields:
        raise Invalid.of_fields("this rule cannot be used", fields)


def _condition_errors(rule: AlertRuleSpec) -> dict[str, str]:
    """What the kind of rule refuses: it is unknown, or a threshold is outside of its limits."""
    if rule.condition not in rule_kinds.names():
        return {"condition": f"one of {', '.join(rule_kinds.names())}"}
    kind = rule_kinds.get(rule.condition)

    fields = {}
    thresholds = {"threshold": rule.threshold, "clear_threshold": rule.clear_threshold}
    for name, value in thresholds.items():
        try:
            if value is not None:
                read_params(kind.title, kind.parameters, {"threshold": value})
        except Invalid as refusal:
            fields[name] = refusal.fields["params.threshold"]
    if not fields and _clears_beyond(kind, rule):
        fields["clear_threshold"] = "must lie on the good side of the threshold"
    return fields


def _clears_beyond(kind: RuleKind, rule: AlertRuleSpec) -> bool:
    """Whether it clears later than it breaches: then a score could be in breach and clear at once.

    Which of two thresholds is stricter does not depend on the score that they are compared with.
    """
    if rule.clear_threshold is None:
        return False
    breach = kind.excess(0.0, 1.0, rule.threshold)
    clear = kind.excess(0.0, 1.0, rule.clear_threshold)
    return breach is not None and clear is not None and clear < breach
