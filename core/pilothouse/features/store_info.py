"""What the room of feature stores answers: values without a process or a database behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pilothouse.features.stores import feature_stores
from pilothouse.kit.parameters import Params, read_params


@dataclass(frozen=True)
class FeatureRequest:
    """Which features are asked for: references as `view:feature`, or the name of a service.

    With `full_names` a feature is called `view__feature`, so that two views may have one name.
    """

    features: tuple[str, ...] = ()
    service: str = ""
    full_names: bool = False

    @property
    def text(self) -> str:
        """It in a few words."""
        if self.service:
            return f"service {self.service}"
        listed = ", ".join(self.features[:3])
        more = len(self.features) - 3
        return f"{listed} and {more} more" if more > 0 else listed

    def to_question(self) -> dict[str, Any]:
        """It as an agent is asked."""
        names = {"features": list(self.features), "service": self.service}
        return {**names, "full_names": self.full_names}


@dataclass(frozen=True)
class FeatureView:
    """A group of features with one source, and until when they are in the online store.

    `keys` are the columns that name an entity, with their types; `request` are columns that a
    request must bring, of a view that is computed on demand.
    """

    name: str
    kind: str
    description: str
    entities: tuple[str, ...]
    keys: Mapping[str, str]
    features: Mapping[str, str]
    request: Mapping[str, str]
    uses: tuple[str, ...]
    source: str
    ttl_seconds: float | None
    online: bool
    materialized_until: datetime | None

    @property
    def references(self) -> tuple[str, ...]:
        """Its features as `view:feature`."""
        return tuple(f"{self.name}:{feature}" for feature in self.features)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> FeatureView:
        """A view as an agent describes it."""
        return cls(
            name=value["name"],
            kind=value["kind"],
            description=value["description"],
            entities=tuple(value["entities"]),
            keys=dict(value["keys"]),
            features={feature["name"]: feature["type"] for feature in value["features"]},
            request={column["name"]: column["type"] for column in value["request"]},
            uses=tuple(value["uses"]),
            source=value["source"],
            ttl_seconds=value["ttl_seconds"],
            online=value["online"],
            materialized_until=_instant(value["materialized_until"]),
        )


@dataclass(frozen=True)
class FeatureSource:
    """Where a view's values come from, and the newest time in it where that can be read."""

    name: str
    kind: str
    location: str
    timestamp: str
    newest: datetime | None


@dataclass(frozen=True)
class StoreCatalog:
    """What a feature store held when it was read."""

    project: str = ""
    entities: tuple[Mapping[str, Any], ...] = ()
    views: tuple[FeatureView, ...] = ()
    sources: tuple[FeatureSource, ...] = ()
    services: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> StoreCatalog:
        """A catalog as an agent gives it; views and the rest by name."""
        sources = [
            FeatureSource(
                s["name"], s["kind"], s["location"], s["timestamp"], _instant(s["newest"])
            )
            for s in value["sources"]
        ]
        views = map(FeatureView.from_json, value["views"])
        services = sorted(value["services"], key=lambda service: str(service["name"]))
        return cls(
            project=value["project"],
            entities=tuple(sorted(value["entities"], key=lambda entity: str(entity["name"]))),
            views=tuple(sorted(views, key=lambda view: view.name)),
            sources=tuple(sorted(sources, key=lambda source: source.name)),
            services={service["name"]: tuple(service["features"]) for service in services},
        )

    @property
    def references(self) -> tuple[str, ...]:
        """Every feature as `view:feature`."""
        return tuple(reference for view in self.views for reference in view.references)

    def references_of(self, request: FeatureRequest) -> tuple[str, ...]:
        """The features of a request, those of its service too."""
        return self.services.get(request.service, ()) if request.service else request.features

    def needed_columns(self, request: FeatureRequest) -> tuple[str, ...]:
        """The columns that rows need for a request: keys of entities, and what a request brings."""
        by_name = {view.name: view for view in self.views}
        names = [ref.partition(":")[0].partition("@")[0] for ref in self.references_of(request)]
        columns: dict[str, None] = {}
        for view in (by_name[name] for name in dict.fromkeys(names) if name in by_name):
            used = [by_name[name] for name in view.uses if name in by_name]
            for part in (view, *used):
                columns |= dict.fromkeys(part.keys)
            columns |= dict.fromkeys(view.request)
        return tuple(columns)

    def key_types(self, request: FeatureRequest) -> dict[str, str]:
        """The columns that a request needs with their types, where the store says them."""
        types: dict[str, str] = {}
        for view in self.views:
            types |= {**view.request, **view.keys}
        return {name: types.get(name, "") for name in self.needed_columns(request)}

    def feature_names(self, request: FeatureRequest) -> tuple[str, ...]:
        """What the features of a request are called in the rows that are answered."""
        pairs = [ref.partition(":") for ref in self.references_of(request)]
        if request.full_names:
            return tuple(f"{view.partition('@')[0]}__{name}" for view, _, name in pairs)
        return tuple(name for _, _, name in pairs)


@dataclass(frozen=True)
class FeatureStoreInfo:
    """A feature store, who answers for it, and what it held when it was read."""

    name: str
    kind: str
    settings: Mapping[str, Any]
    python: str
    catalog: StoreCatalog
    library: str
    read_at: datetime
    created_at: datetime
    created_by: str

    @property
    def title(self) -> str:
        """The kind's name for people."""
        return feature_stores.get(self.kind).title

    @property
    def params(self) -> Params:
        """The settings, checked as those of the kind."""
        kind = feature_stores.get(self.kind)
        return read_params(kind.title, kind.parameters, self.settings)

    @property
    def place(self) -> str:
        """Where it is, in a few words and without secrets."""
        return feature_stores.get(self.kind).place(self.params)


def newest(instants: Sequence[datetime | None]) -> datetime | None:
    """The latest of some instants; None without any."""
    return max((at for at in instants if at is not None), default=None)


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
