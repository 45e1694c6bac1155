"""The rule of a deployment whose features are looked up: which, by which columns, how long.

Nothing here needs a database: a route holds it, and the server of an exported model has routes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from pilothouse.models.signature import Signature, SignatureField

# What the types of keys are in a signature; others are sent as they come.
KEY_TYPES: Mapping[str, str] = {
    "int32": "integer",
    "int64": "integer",
    "float32": "number",
    "float64": "number",
    "bool": "boolean",
}


@dataclass(frozen=True)
class FeatureSettings:
    """Which features a deployment looks up, as a person or a file says it; no store means none."""

    store: str = ""
    features: tuple[str, ...] = ()
    service: str = ""
    full_names: bool = False
    seconds: float = 1.0

    @property
    def text(self) -> str:
        """It in a few words."""
        if not self.store:
            return "nothing"
        what = f"service {self.service}" if self.service else ", ".join(self.features)
        full = ", with full names" if self.full_names else ""
        return f"{what} of {self.store}{full}, within {self.seconds:g} s"

    def to_json(self) -> dict[str, Any]:
        """Its entry in a file."""
        which = {"service": self.service} if self.service else {"features": list(self.features)}
        full = {"full_names": True} if self.full_names else {}
        return {"store": self.store, **which, **full, "seconds": self.seconds}


NOTHING_LOOKED_UP = FeatureSettings()


@dataclass(frozen=True)
class FeatureRule:
    """Which features of which store are looked up for a request that brings their keys.

    `keys` are the columns that a request brings, with their types; `names` are the model's inputs
    that are looked up. A request waits at most `seconds` for the store.
    """

    store: str
    features: tuple[str, ...]
    service: str
    full_names: bool
    keys: Mapping[str, str] = field(hash=False)
    names: tuple[str, ...] = ()
    seconds: float = 1.0

    @property
    def text(self) -> str:
        """Which features, in a few words."""
        return f"service {self.service}" if self.service else ", ".join(self.features)

    @property
    def settings(self) -> FeatureSettings:
        """What was asked for, without what the store and the model make of it."""
        return FeatureSettings(
            self.store, self.features, self.service, self.full_names, self.seconds
        )

    def question(self, keys: Mapping[str, list[Any]]) -> dict[str, Any]:
        """What the store is asked for these keys."""
        asks = {"features": list(self.features), "service": self.service}
        return {"verb": "online", "keys": keys, "full_names": self.full_names, **asks}

    def extended(self, signature: Signature) -> Signature:
        """The signature with the keys, by which a request is read."""
        return _extended(signature, tuple(self.keys.items()))

    def missing(self, columns: Mapping[str, object]) -> tuple[str, ...]:
        """The inputs that a request does not bring: these are looked up."""
        return tuple(name for name in self.names if name not in columns)


@lru_cache(maxsize=64)
def _extended(signature: Signature, keys: tuple[tuple[str, str], ...]) -> Signature:
    own = set(signature.names)
    fields = tuple(
        SignatureField(name, KEY_TYPES.get(kind.lower(), "string"), required=False)  # type: ignore[arg-type]
        for name, kind in keys
        if name not in own
    )
    return replace(signature, inputs=(*signature.inputs, *fields))
