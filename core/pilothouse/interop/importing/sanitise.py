"""Words of strangers made to fit: what is too long is cut or left out, and a line says so."""

from __future__ import annotations

from collections.abc import Mapping

from pilothouse.experiments import recording
from pilothouse.interop.importing.report import Notes
from pilothouse.interop.mlflow.runs import MAX_VALUE_LENGTH as MAX_TAG_LENGTH

MAX_KEY_LENGTH = recording.MAX_KEY_LENGTH


def is_fit_key(key: str) -> bool:
    """Whether a text can name a metric, a parameter or a tag here."""
    return 0 < len(key) <= MAX_KEY_LENGTH and key == key.strip()


def pairs(
    values: Mapping[str, str], notes: Notes, noun: str, owner: str, most: int = MAX_TAG_LENGTH
) -> dict[str, str]:
    """Keys and values that can be kept: odd keys are left out, long values are cut."""
    accepted = {}
    for key, value in values.items():
        if not is_fit_key(key):
            notes.broken(noun, f"{owner}/{key}", _why_not(key))
        else:
            accepted[key] = cut(value, most, notes, noun, f"{owner}/{key}")
    return accepted


def cut(value: str, most: int, notes: Notes, noun: str, name: str) -> str:
    """The text, or its beginning when it is too long to be kept."""
    if len(value) > most:
        notes.noted(noun, name, f"cut after {most:,} of {len(value):,} characters")
    return value[:most]


def _why_not(key: str) -> str:
    if not key:
        return "it has no key"
    if len(key) > MAX_KEY_LENGTH:
        return f"its key has {len(key):,} characters; {MAX_KEY_LENGTH} are the most"
    return "its key begins or ends with a space"
