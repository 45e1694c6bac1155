"""A feature store: rows of a dataset with the features that held at their times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pilothouse.data.sources import Progress, SourceRows, sources
from pilothouse.features import FeatureRequest, Features
from pilothouse.kit.errors import Invalid, Unavailable
from pilothouse.kit.parameters import Parameter, Params

if TYPE_CHECKING:
    from pilothouse.data.info import DatasetVersionInfo
    from pilothouse.storage import Store


@dataclass(frozen=True)
class FeatureStoreRows:
    """A training set: entity rows from a dataset version, features from a store of this workspace.

    Each row gets the values that were known at its time, not later ones. Without a workspace, as
    it is registered, it can say what it is and reads nothing.
    """

    workspace: Store | None = None

    title = "Feature store"
    description = (
        "The rows of a dataset version with the features that held at the time of each, from a "
        "feature store of this workspace."
    )
    needs = extra = ""
    parameters = (
        Parameter("store", "text", required=True, help="A feature store of this workspace."),
        Parameter(
            "entities",
            "text",
            required=True,
            title="Entity rows",
            help="A dataset or a version of it: keys of entities, a time, and what else is kept. "
            "A refresh reads the newest version.",
        ),
        Parameter(
            "time",
            "text",
            "",
            help="The column with the time of each row; else the dataset's event time.",
        ),
        Parameter("features", "list", [], help="Features as view:feature."),
        Parameter("service", "text", "", help="A feature service in the place of features."),
        Parameter(
            "full_names",
            "boolean",
            False,
            help="Call a feature view__feature, where two views have one of the same name.",
        ),
    )

    def within(self, workspace: Store) -> FeatureStoreRows:
        """The same kind, which reads in a workspace."""
        return FeatureStoreRows(workspace)

    def check(self, settings: Params) -> None:
        """Raise Invalid without features or a service."""
        if bool(settings["features"]) == bool(settings.text("service")):
            raise Invalid(
                "features or a service are needed, and not both.",
                fields={"features": "needed, or a service"},
            )

    def place(self, settings: Params) -> str:
        """Which features, of which rows."""
        what = _request(settings).text
        return f"{what} of feature store {settings['store']} for {settings['entities']}"

    def paths(self, settings: Params) -> Sequence[str]:
        """None: the store's own folder was allowed when it was added, and is checked again."""
        del settings
        return ()

    def following(self, settings: Params) -> Params:
        """The same features, for the newest version of the dataset."""
        return Params({**settings, "entities": settings.text("entities").partition("@")[0]})

    def identity(self, settings: Params) -> str:
        """Nothing tells it: the values in the store may have changed."""
        del settings
        return ""

    def read(
        self, settings: Params, progress: Progress | None = None, most_rows: int | None = None
    ) -> SourceRows:
        """The rows in the order of the dataset; only columns of plain values."""
        store = self._require_workspace()
        version, time = self._entities(store, settings)
        if progress is not None:
            progress(0.1, f"reading the features of {version.rows:,} rows")
        rows = _rows(store, version.ref, most_rows)
        request = _request(settings)
        frame = Features(store).historical(settings.text("store"), rows, request, time=time)
        origin = f"{request.text} of feature store {settings['store']}, at {time} of {version.ref}"
        about: dict[str, Any] = {"parent": version.ref, "event_time": time}
        return SourceRows(frame, origin, about=about)

    def _entities(self, store: Store, settings: Params) -> tuple[DatasetVersionInfo, str]:
        from pilothouse.data import versions

        with store.read() as session:
            version = versions.require(session, settings.text("entities"))
        time = settings.text("time") or version.event_time or ""
        if not time:
            raise Invalid(
                f"{version.ref} has no event time.",
                hint="Name the column with the time of each row.",
                fields={"time": "needed"},
            )
        return version, time

    def _require_workspace(self) -> Store:
        if self.workspace is None:
            raise Unavailable("a feature store is read in an open workspace only.")
        return self.workspace


def _request(settings: Params) -> FeatureRequest:
    features = tuple(str(name) for name in settings["features"])
    return FeatureRequest(features, settings.text("service"), bool(settings["full_names"]))


def _rows(store: Store, ref: str, most_rows: int | None) -> Any:
    from pilothouse.data import versions

    with store.read() as session:
        frame = versions.read_frame(store, session, ref, None)
    return frame if most_rows is None else frame.head(most_rows)


sources.register("feature_store")(FeatureStoreRows())
