"""Rights: what a person may decide, beyond reading and working."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pilothouse.kit.errors import Invalid

APPROVE, OVERRIDE, EDIT_POLICIES = "approve", "override", "edit_policies"
PERSONAL_DATA = "personal_data"
RIGHTS: Mapping[str, str] = {
    APPROVE: "Vote on promotions and approve code",
    OVERRIDE: "Override a gate that did not pass, with a reason and an end",
    EDIT_POLICIES: "Edit promotion policies, people and their rights",
    PERSONAL_DATA: "See personal data unmasked, erase it, export the whole workspace",
}
# Without a holder of these nobody could decide any more, or give anybody a right.
ALWAYS_HELD = (APPROVE, EDIT_POLICIES)


def checked(rights: Iterable[str]) -> list[str]:
    """The rights, each once, in the order of `RIGHTS`. Raises Invalid for others."""
    chosen = set(rights)
    unknown = sorted(chosen - set(RIGHTS))
    if unknown:
        raise Invalid(
            f"there is no right {', '.join(map(repr, unknown))}.",
            hint=f"The rights are {', '.join(RIGHTS)}.",
            fields={"rights": "unknown"},
        )
    return [right for right in RIGHTS if right in chosen]
