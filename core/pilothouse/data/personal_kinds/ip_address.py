"""Addresses of machines on a network."""

from __future__ import annotations

import ipaddress

from pilothouse.data.personal_kinds import ColumnSample, Match, by_value, personal_kinds

LEAST = 0.9
LARGE = 31  # parts of versions are small numbers
MIN_LARGE = 0.5  # of the values; in addresses of all ranges nearly each has a larger part
VERSIONS = frozenset(("version", "versions", "release", "firmware", "build", "oid"))


@personal_kinds.register("ip_address")
class IpAddress:
    """An address of IPv4 or IPv6."""

    title = "IP address"
    description = (
        "Nearly all values are addresses of IPv4 or IPv6. Numbers of versions, which have small "
        "parts, are not taken for addresses."
    )
    example = "192.0.2.1"

    @staticmethod
    def look(column: ColumnSample) -> Match | None:
        """By the values, unless they could be versions."""
        if column.type != "string" or VERSIONS & {*column.name_words}:
            return None
        is_named = "ip" in column.name_words
        if not is_named and column.share(_has_large_part) < MIN_LARGE:
            return None
        return by_value(column, is_ip, LEAST, "values are addresses of a network")


def is_ip(text: str) -> bool:
    """Whether a text is an address of IPv4 or IPv6."""
    try:
        ipaddress.ip_address(text.strip())
    except ValueError:
        return False
    return True


def _has_large_part(text: str) -> bool:
    if ":" in text:
        return is_ip(text)
    return is_ip(text) and any(int(part) > LARGE for part in text.split("."))
