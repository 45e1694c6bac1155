"""Names that people give: trimmed, and neither empty nor too long."""

from __future__ import annotations

from pilothouse.kit.errors import Invalid


def check_name(name: str, whose: str, longest: int) -> str:
    """The trimmed name. Raises Invalid, with `whose` ("a view's") in the message."""
    trimmed = name.strip()
    if not trimmed or len(trimmed) > longest:
        raise Invalid(
            f"{whose} name has 1 to {longest} characters.",
            fields={"name": "required" if not trimmed else "too long"},
        )
    return trimmed
