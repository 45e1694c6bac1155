"""Untrusted keys and values made storable: too long ones are cut or dropped, and reported."""

from __future__ import annotations

from collections.abc import Mapping

from pilothouse.interop.importing.report import ReportBuilder
from pilothouse.interop.limits import MAX_KEY_LENGTH, MAX_RUN_TAG_LENGTH


def is_valid_key(key: str) -> bool:
    """Whether a text is valid as the name of a metric, a parameter or a tag."""
    return 0 < len(key) <= MAX_KEY_LENGTH and key == key.strip()


def valid_pairs(
    values: Mapping[str, str],
    report: ReportBuilder,
    noun: str,
    owner: str,
    most: int = MAX_RUN_TAG_LENGTH,
) -> dict[str, str]:
    """Keys and values that can be stored: invalid keys are dropped, long values are cut."""
    accepted = {}
    for key, value in values.items():
        if not is_valid_key(key):
            report.broken(noun, f"{owner}/{key}", _why_invalid(key))
        else:
            accepted[key] = truncated(value, most, report, noun, f"{owner}/{key}")
    return accepted


def truncated(value: str, most: int, report: ReportBuilder, noun: str, name: str) -> str:
    """The text, or its beginning when it is too long to be stored."""
    if len(value) > most:
        report.noted(noun, name, f"cut after {most:,} of {len(value):,} characters")
    return value[:most]


def _why_invalid(key: str) -> str:
    if not key:
        return "it has no key"
    if len(key) > MAX_KEY_LENGTH:
        return f"its key has {len(key):,} characters; {MAX_KEY_LENGTH} are the most"
    return "its key begins or ends with a space"
