"""How the requests of a deployment are split between versions: a value, kept as JSON.

A key (a caller's entity, or a request's id) falls into one of 10,000 buckets; the versions of the
split own consecutive ranges of buckets, candidates first and the stable version last. While the
weight of the only candidate grows, a caller that it has answered stays with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from string import ascii_lowercase
from typing import Any

from pilothouse.kit.errors import Invalid

BUCKETS = 10_000
NOT_DRAWN = -1  # in the place of a bucket: the request named its version
STABLE, CANDIDATE, PREVIOUS = "stable", "candidate", "previous"
Share = tuple[int, int]  # a version and its basis points: hundredths of a percent


@dataclass(frozen=True)
class TrafficSplit:
    """A split of requests: `weights` sum to 10,000 basis points.

    `mirrors` are versions that get copies of a share of the requests and answer nobody; `previews`
    answer only requests that name their version. Another `salt` is another draw of callers.
    Raises Invalid for weights that do not sum to 10,000, or a version that is named twice.
    """

    salt: str
    weights: tuple[Share, ...]
    mirrors: tuple[Share, ...] = ()
    previews: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        versions = [version for version, _ in self.weights]
        shares = [share for _, share in (*self.weights, *self.mirrors)]
        if len(set(versions)) != len(versions):
            raise Invalid("a version is named twice in the split of requests.")
        if not all(0 <= share <= BUCKETS for share in shares):
            raise Invalid(f"each share must be between 0 and {BUCKETS} basis points.")
        if sum(weight for _, weight in self.weights) != BUCKETS:
            raise Invalid(f"the shares of the split must sum to {BUCKETS} basis points.")

    def bucket(self, key: str) -> int:
        """The bucket of a key: always the same for one salt, and alike for any two callers."""
        digest = blake2b(key.encode(), digest_size=8, key=self.salt.encode()[:64]).digest()
        return int.from_bytes(digest, "big") % BUCKETS

    def choose(self, key: str) -> int:
        """The version that answers the requests of a key."""
        return self.owner(self.bucket(key))

    def owner(self, bucket: int) -> int:
        """The version that owns a bucket."""
        end = 0
        for version, weight in self.weights:
            end += weight
            if bucket < end:
                return version
        return self.weights[-1][0]

    def mirrored(self, key: str) -> tuple[int, ...]:
        """The versions that get a copy of a request, drawn apart from the version that answers."""
        if not self.mirrors:
            return ()
        bucket = self.bucket(f"mirror {key}")
        return tuple(version for version, share in self.mirrors if bucket < share)

    @property
    def versions(self) -> frozenset[int]:
        """Every version that the split names: each needs processes."""
        weighted = {version for version, _ in (*self.weights, *self.mirrors)}
        return frozenset(weighted | set(self.previews))

    def is_reachable(self, version: int) -> bool:
        """Whether a request may name the version: it answers a share, or is previewed."""
        return version in self.previews or any(v == version and w for v, w in self.weights)

    def role(self, version: int) -> str:
        """What a version is called in answers: stable or candidate; of several, a, b, c ..."""
        stable, *candidates = [self.weights[-1][0], *(v for v, _ in self.weights[:-1])]
        if len(candidates) <= 1 or version not in (stable, *candidates):
            return STABLE if version == stable else CANDIDATE
        return ascii_lowercase[[stable, *candidates].index(version)]

    def weight(self, version: int) -> int:
        """The basis points of a version; 0 for one that the split does not name."""
        return dict(self.weights).get(version, 0)

    def to_json(self) -> dict[str, Any]:
        """Plain values that `from_json` reads back."""
        return {
            "salt": self.salt,
            "weights": [list(share) for share in self.weights],
            "mirrors": [list(share) for share in self.mirrors],
            "previews": list(self.previews),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> TrafficSplit:
        """A stored split."""
        return cls(
            salt=value["salt"],
            weights=tuple((version, weight) for version, weight in value["weights"]),
            mirrors=tuple((version, share) for version, share in value["mirrors"]),
            previews=tuple(value["previews"]),
        )


def named_versions(traffic: Mapping[str, Any] | None) -> frozenset[int]:
    """Every version that a stored split names; none when all requests go to one version."""
    return frozenset() if traffic is None else TrafficSplit.from_json(traffic).versions


def mirror_versions(traffic: Mapping[str, Any] | None) -> frozenset[int]:
    """The versions that a stored split sends copies to, and no requests."""
    if traffic is None:
        return frozenset()
    split = TrafficSplit.from_json(traffic)
    return frozenset(version for version, _ in split.mirrors if not split.is_reachable(version))
