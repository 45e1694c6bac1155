"""Which network addresses are public: those of inner networks and of this machine are not."""

from __future__ import annotations

import ipaddress

TRANSLATED = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("::/96"))
LOCAL_TRANSLATION = ipaddress.IPv6Network("64:ff9b:1::/48")
# Reserved for use outside the public DNS (RFC 2606, 6761, 6762 and 8375).
NON_PUBLIC_SUFFIXES = frozenset(
    {"localhost", "local", "internal", "intranet", "lan", "home", "corp", "private", "arpa"}
    | {"invalid", "test", "example", "onion", "alt"}
)
IP = ipaddress.IPv4Address | ipaddress.IPv6Address


def is_public_name(host: str) -> bool:
    """Whether a name can be in the public DNS, and not only in a local network."""
    labels = host.rstrip(".").lower().split(".")
    return len(labels) > 1 and labels[-1] not in NON_PUBLIC_SUFFIXES and labels[-1].isascii()


def is_public(address: str) -> bool:
    """Whether an address is public, and so is any IPv4 address embedded in it."""
    try:
        ip: IP = ipaddress.ip_address(address)
    except ValueError:
        return False
    return all(_is_public(candidate) for candidate in (ip, *_inside(ip)))


def _is_public(ip: IP) -> bool:
    inner = ip.is_private or ip.is_loopback or ip.is_link_local or ip.is_unspecified
    return ip.is_global and not (inner or ip.is_multicast or ip.is_reserved)


def _inside(ip: IP) -> tuple[IP, ...]:
    """The IPv4 addresses that are embedded in an IPv6 address."""
    if isinstance(ip, ipaddress.IPv4Address):
        return ()
    if ip in LOCAL_TRANSLATION or ip.is_site_local:
        return (ipaddress.IPv4Address(0),)
    embedded: list[IP] = [
        address for address in (ip.ipv4_mapped, ip.sixtofour) if address is not None
    ]
    embedded += ip.teredo or ()
    if any(ip in network for network in TRANSLATED):
        embedded.append(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
    return tuple(embedded)
