"""What people call things: without spaces around it, and neither empty nor too long."""

from __future__ import annotations

from pilothouse.kit.errors import Invalid


def check_name(name: str, whose: str, longest: int) -> str:
    """The name as it is kept. Raises Invalid, saying whose ("a view's") it cannot be."""
    trimmed = name.strip()
    if not trimmed or len(trimmed) > longest:
        raise Invalid(
            f"{whose} name has 1 to {longest} characters.",
            fields={"name": "required" if not trimmed else "too long"},
        )
    return trimmed
