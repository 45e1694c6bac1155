"""Ids: runs are 32 hex characters (the MLflow form), predictions are UUIDv7 (RFC 9562)."""

from __future__ import annotations

import hashlib
import os
import random
import time
import uuid

ADJECTIVES = [
    "amber",
    "bold",
    "brisk",
    "calm",
    "clear",
    "crisp",
    "deep",
    "eager",
    "fair",
    "fleet",
    "gentle",
    "grand",
    "keen",
    "level",
    "lucid",
    "mellow",
    "noble",
    "proud",
    "quiet",
    "rapid",
    "ready",
    "solid",
    "steady",
    "still",
    "stout",
    "sunny",
    "swift",
    "tidal",
    "true",
    "warm",
    "wide",
    "wise",
]
BIRDS = [
    "albatross",
    "avocet",
    "auk",
    "bittern",
    "crane",
    "curlew",
    "dunlin",
    "egret",
    "falcon",
    "fulmar",
    "gannet",
    "godwit",
    "grebe",
    "gull",
    "heron",
    "ibis",
    "kestrel",
    "kite",
    "knot",
    "lark",
    "merlin",
    "osprey",
    "petrel",
    "plover",
    "puffin",
    "rail",
    "sandpiper",
    "shearwater",
    "skua",
    "stilt",
    "swift",
    "tern",
    "turnstone",
    "whimbrel",
    "wren",
]
_TIME_BITS = (1 << 48) - 1
_VARIANTS = {f"{nibble:x}": f"{0b1000 | nibble & 0b11:x}" for nibble in range(16)}
_VERSION_AND_VARIANT = (0x7 << 76) | (0b10 << 62)
_RANDOM_BITS = (0xFFF << 64) | ((1 << 62) - 1)


def run_id() -> str:
    """A new random id of 32 hex characters."""
    return uuid.uuid4().hex


def uuid7(at_ms: int | None = None) -> str:
    """A new UUIDv7 of an instant in milliseconds since the epoch (now, when not given)."""
    return uuid7s(1, at_ms)[0]


def uuid7s(count: int, at_ms: int | None = None) -> list[str]:
    """`count` UUIDv7 of one instant, in ascending order (RFC 9562, section 5.7)."""
    ms = (time.time_ns() // 1_000_000 if at_ms is None else at_ms) & _TIME_BITS
    if count == 1:  # PERF: most requests hold one row
        at, drawn = f"{ms:012x}", os.urandom(10).hex()
        variant = _VARIANTS[drawn[3]]
        return [f"{at[:8]}-{at[8:]}-7{drawn[:3]}-{variant}{drawn[4:7]}-{drawn[7:19]}"]
    stem = ms << 80 | _VERSION_AND_VARIANT
    raw = os.urandom(10 * count)
    tails = sorted(
        int.from_bytes(raw[i : i + 10], "big") & _RANDOM_BITS for i in range(0, len(raw), 10)
    )
    return [_text(stem | tail) for tail in tails]


def _text(value: int) -> str:
    """A UUID as text. PERF: without making an object of it."""
    digits = f"{value:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def seeded_uuid7(at_ms: int, seed: str) -> str:
    """The one UUIDv7 of an instant and a seed: asked again, it is the same."""
    drawn = int.from_bytes(hashlib.blake2b(seed.encode(), digest_size=10).digest(), "big")
    stem = (at_ms & _TIME_BITS) << 80 | _VERSION_AND_VARIANT
    return str(uuid.UUID(int=stem | (drawn & _RANDOM_BITS)))


def run_name(seed: str) -> str:
    """A name that people can say, drawn from the seed: the same seed gives the same name."""
    draw = random.Random(seed)
    return f"{draw.choice(ADJECTIVES)}-{draw.choice(BIRDS)}-{draw.randrange(10, 100)}"
