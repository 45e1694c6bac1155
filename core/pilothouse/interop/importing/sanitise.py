"""Words of strangers made to fit: what is too long is cut or left out, and a line says so."""

from __future__ import annotations

from collections.abc import Mapping

from pilothouse.experiments import recording
from pilothouse.interop.importing.report import Notes
from pilothouse.interop.mlflow.runs import LONGEST_VALUE as LONGEST_TAG

LONGEST_KEY = recording.LONGEST_KEY


def is_fit_key(key: str) -> bool:
    """Whether a text can name a metric, a parameter or a tag here."""
    return 0 < len(key) <= LONGEST_KEY and key == key.strip()


def pairs(
    words: Mapping[str, str], notes: Notes, noun: str, owner: str, most: int = LONGEST_TAG
) -> dict[str, str]:
    """Keys and values that can be kept: odd keys are left out, long values are cut."""
    found = {}
    for key, value in words.items():
        if not is_fit_key(key):
            notes.broken(noun, f"{owner}/{key}", _why_not(key))
        else:
            found[key] = cut(value, most, notes, noun, f"{owner}/{key}")
    return found


def cut(value: str, most: int, notes: Notes, noun: str, name: str) -> str:
    """The text, or its beginning when it is too long to be kept."""
    if len(value) > most:
        notes.noted(noun, name, f"cut after {most:,} of {len(value):,} characters")
    return value[:most]


def _why_not(key: str) -> str:
    if not key:
        return "it has no key"
    if len(key) > LONGEST_KEY:
        return f"its key has {len(key):,} characters; {LONGEST_KEY} are the most"
    return "its key begins or ends with a space"
