"""What every maturity check promises: a pure answer in words, whatever the evidence lacks."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from pilothouse.governance.maturity.checks import AREAS, EFFORTS, MaturityCheck
from pilothouse.governance.maturity.evidence_values import MaturityEvidence
from pilothouse.governance.maturity.scoring import LEVELS
from pilothouse.governance.maturity.verdicts import STATES, MaturityVerdict

TAG = re.compile(r"(T-(Data|Model|Infra|Monitor)[1-7]|[GM]\d|E(-\w+)?|N-\w+|C(-\w+)?|D)")


def check_maturity_check(name: str, check: MaturityCheck) -> None:
    """Raise AssertionError, with what is wrong, unless the check keeps every promise."""
    assert re.fullmatch(r"[a-z][a-z0-9_]*", name), f"{name!r} is no name for a check"
    assert check.number > 0, f"{name} needs its number"
    for text in (check.title, check.description, check.mend.label):
        assert text.strip(), f"{name} says what it asks, and where it is mended"
    assert check.title[0].isupper(), f"{name}: its title is a sentence"
    assert not check.title.endswith("."), f"{name}: its title has no full stop"
    assert check.level in LEVELS, f"{name}: no level {check.level}"
    assert check.area in AREAS, f"{name}: no area {check.area!r}"
    assert check.effort in EFFORTS, f"{name}: no effort {check.effort!r}"
    assert all(TAG.fullmatch(tag) for tag in check.tags), f"{name}: {check.tags}"
    assert check.attest_days is None or check.attest_days > 0, f"{name}: {check.attest_days} days"
    assert check.attest_days is not None or not check.of_models, f"{name} is attested by nobody"

    evidence = MaturityEvidence(datetime(2026, 3, 1, tzinfo=UTC))
    verdict = check.evaluate(evidence)
    _check_verdict(name, verdict)
    assert check.evaluate(evidence) == verdict, f"{name} gives two verdicts on the same evidence"
    assert verdict.state != "passed", f"{name} passes without any evidence"


def _check_verdict(name: str, verdict: MaturityVerdict) -> None:
    assert isinstance(verdict, MaturityVerdict), f"{name} must answer with a MaturityVerdict"
    assert verdict.state in STATES, f"{name}: {verdict.state!r}"
    assert verdict.message.strip(), f"{name} gives no message"
    assert "\n" not in verdict.message, f"{name} must say it in one line"
    assert 0 <= verdict.done <= verdict.total, f"{name}: {verdict.done} of {verdict.total}"
