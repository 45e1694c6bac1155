"""Values as text for a digest: what has its default is left out.

So a field that a later version adds, with a default that changes nothing, changes no digest. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any


def digest_text(value: object) -> str:
    """A value as text, with the fields of dataclasses that differ from their defaults."""
    return repr(_plain(value))


def differing(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The values that are not the default of their name."""
    return {n: v for n, v in values.items() if n not in defaults or v != defaults[n]}


def _plain(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        present = {field.name: getattr(value, field.name) for field in fields(value)}
        defaults = {f.name: _default(f) for f in fields(value) if _has_default(f)}
        return _plain(differing(present, defaults))
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in sorted(value.items())}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value


def _has_default(field: Field[Any]) -> bool:
    return field.default is not MISSING or field.default_factory is not MISSING


def _default(field: Field[Any]) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()
