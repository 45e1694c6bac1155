"""Opening a workspace: settings to store, store to rooms, and the schema brought up to date."""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pilothouse.activity import Activity
from pilothouse.activity.chain import seal_all
from pilothouse.interop.mlflow import webhooks
from pilothouse.jobs import Jobs
from pilothouse.kit.clock import Clock
from pilothouse.kit.settings import Settings, read_settings
from pilothouse.storage import Store, open_store
from pilothouse.storage.migrate import migrate

if TYPE_CHECKING:
    from sqlmodel import Session

    from pilothouse.attention import Attention
    from pilothouse.comments import Comments
    from pilothouse.comparison import Comparisons
    from pilothouse.data import Data
    from pilothouse.data.lifecycle import Use
    from pilothouse.deployments import Deployments
    from pilothouse.environments import Environments
    from pilothouse.experiments import Experiments
    from pilothouse.explanations import Explanations
    from pilothouse.features import Features
    from pilothouse.governance import Governance
    from pilothouse.interop.archives.api import WorkspaceArchives
    from pilothouse.interop.erasures.api import Erasures
    from pilothouse.interop.events.api import Events
    from pilothouse.interop.exporting.api import ModelExports
    from pilothouse.interop.importing.api import Imports
    from pilothouse.interop.run_exports.api import RunExports
    from pilothouse.monitoring import Monitoring
    from pilothouse.monitoring.notifications.notifications import Notifications
    from pilothouse.people import People
    from pilothouse.pipelines import Pipelines
    from pilothouse.pipelines.recipes.recipes import Recipes
    from pilothouse.registry import Registry
    from pilothouse.registry.policies import Policies
    from pilothouse.reviews import Reviews
    from pilothouse.training import Training


class Workspace:
    """The API of a workspace for notebooks, commands and screens: one attribute for each noun."""

    def __init__(self, store: Store) -> None:
        import pilothouse.workspace.tables  # noqa: F401  # what uses a row is looked up in all rooms

        self.store = store
        self.activity = Activity(store)
        self.jobs = Jobs(store)
        webhooks.enable()

    def __repr__(self) -> str:
        return f"<Pilothouse workspace at {self.store.folder}>"

    @property
    def folder(self) -> Path:
        """The folder that holds everything."""
        return self.store.folder

    @property
    def version(self) -> str:
        """A token that every write changes: what was read is up to date while it stays the same."""
        return self.store.version()

    def acting_as(self, actor: str) -> Workspace:
        """The same workspace, acting as another person."""
        return Workspace(self.store.acting_as(actor))

    @cached_property
    def people(self) -> People:
        """Who decides here, and their rights."""
        from pilothouse.people import People

        return People(self.store)

    @cached_property
    def data(self) -> Data:
        """Dataset versions, their profiles and contracts."""
        from pilothouse.data import Data

        return Data(self.store, _dataset_uses)

    @cached_property
    def features(self) -> Features:
        """Feature stores: what they hold, features at times, materialization."""
        from pilothouse.features import Features

        return Features(self.store)

    @cached_property
    def environments(self) -> Environments:
        """Environments that models run in."""
        from pilothouse.environments import Environments

        return Environments(self.store, _deployed_versions)

    @cached_property
    def experiments(self) -> Experiments:
        """Experiments and runs, searched by their models and deployments too."""
        from pilothouse.deployments.fields import DEPLOYMENTS
        from pilothouse.experiments import Experiments
        from pilothouse.registry.fields import MODELS

        return Experiments(self.store, (MODELS, DEPLOYMENTS))

    @cached_property
    def comments(self) -> Comments:
        """What people wrote about runs, versions, promotions, alerts, windows and deployments."""
        from pilothouse.comments import Comments

        return Comments(self.store)

    @cached_property
    def comparison(self) -> Comparisons:
        """Runs against a baseline: differences, significance, thresholds, slices."""
        from pilothouse.comparison import Comparisons

        return Comparisons(self.store)

    @cached_property
    def training(self) -> Training:
        """Trainers and training jobs."""
        from pilothouse.training import Training

        return Training(self.store)

    @cached_property
    def registry(self) -> Registry:
        """Models, versions, stages, promotions."""
        from pilothouse.deployments.controller.trial import inspect_version, try_version
        from pilothouse.deployments.uses import use_of_version
        from pilothouse.registry import Registry

        return Registry(self.store, try_version, inspect=inspect_version, in_use=use_of_version)

    @cached_property
    def policies(self) -> Policies:
        """What is asked of a version before a stage: gates and approvals."""
        from pilothouse.registry.policies import Policies

        return Policies(self.store)

    @cached_property
    def deployments(self) -> Deployments:
        """Deployments, their predictions and labels."""
        from pilothouse.deployments import Deployments

        return Deployments(self.store)

    @cached_property
    def monitoring(self) -> Monitoring:
        """Windows, drift, performance, alerts."""
        from pilothouse.monitoring import Monitoring

        return Monitoring(self.store)

    @cached_property
    def explanations(self) -> Explanations:
        """Responsible use: groups compared, explanations, what-if questions, counterfactuals."""
        from pilothouse.explanations import Explanations

        return Explanations(self.store)

    @cached_property
    def notifications(self) -> Notifications:
        """Channels that alerts are delivered to, silences, and the inbox of alerts."""
        from pilothouse.monitoring.notifications.notifications import Notifications

        return Notifications(self.store)

    @cached_property
    def governance(self) -> Governance:
        """What was in production when and why, over all rooms."""
        from pilothouse.governance import Governance

        return Governance(self.store)

    @cached_property
    def attention(self) -> Attention:
        """Decisions, alerts and failures that need a person."""
        from pilothouse.attention import Attention

        return Attention(self.store)

    @cached_property
    def reviews(self) -> Reviews:
        """Meetings over what needs a person, and their minutes."""
        from pilothouse.reviews import Reviews

        return Reviews(self.store)

    @cached_property
    def pipelines(self) -> Pipelines:
        """Retraining, schedules, the demo."""
        from pilothouse.pipelines import Pipelines

        return Pipelines(self.store)

    @cached_property
    def recipes(self) -> Recipes:
        """People's own training code, run as jobs."""
        from pilothouse.pipelines.recipes.recipes import Recipes

        return Recipes(self.store)

    @cached_property
    def imports(self) -> Imports:
        """Imports from other trackers."""
        from pilothouse.interop.importing.api import Imports

        return Imports(self.store)

    @cached_property
    def exports(self) -> ModelExports:
        """Exports of versions to other serving systems."""
        from pilothouse.interop.exporting.api import ModelExports

        return ModelExports(self.store)

    @cached_property
    def run_exports(self) -> RunExports:
        """Exports of runs to other trackers and to tables."""
        from pilothouse.interop.run_exports.api import RunExports

        return RunExports(self.store)

    @cached_property
    def events(self) -> Events:
        """Labels and requests that come as messages; predictions and alerts that leave."""
        from pilothouse.interop.events.api import Events

        return Events(self.store)

    @cached_property
    def erasures(self) -> Erasures:
        """Erasures of entities from the whole workspace."""
        from pilothouse.interop.erasures.api import Erasures

        return Erasures(self.store)

    @cached_property
    def archives(self) -> WorkspaceArchives:
        """The whole workspace as one archive."""
        from pilothouse.interop.archives.api import WorkspaceArchives

        return WorkspaceArchives(self.store)


def _dataset_uses(session: Session, ref: str) -> list[Use]:
    """What uses a dataset version; the rooms' tables are loaded when somebody asks."""
    from pilothouse.pipelines.dataset_uses import dataset_uses

    return dataset_uses(session, ref)


def _deployed_versions(session: Session) -> Collection[str]:
    """Versions that deployments serve; their tables are loaded when somebody asks."""
    from pilothouse.deployments.deployed_versions import deployed_versions

    return deployed_versions(session)


def open_workspace(
    path: str | Path | None = None,
    *,
    actor: str | None = None,
    settings: Settings | None = None,
    clock: Clock | None = None,
) -> Workspace:
    """Open (and create or migrate, when needed) the workspace in a folder.

    Raises Unavailable when another program migrates it, Refused when its schema is newer, Invalid
    when the settings in the environment cannot be read.
    """
    chosen = settings or read_settings()
    changes = {"workspace": Path(path) if path else None, "actor": actor}
    chosen = chosen.model_copy(update={k: v for k, v in changes.items() if v is not None})
    store = open_store(chosen, clock)
    try:
        prepare(store)
    except BaseException:
        store.engine.dispose()
        raise
    return Workspace(store)


def prepare(store: Store) -> None:
    """Create or migrate the schema. What an upgrade has found or changed is sealed as it is then.

    Raises as `open_workspace` does.
    """
    migrate(store, lambda session: _seal_everything(session, store))


def _seal_everything(session: Session, store: Store) -> None:
    """Seal the rows of every room's tables; a process whose schema is current loads its own only.

    PERF: all of them, with the rooms that they belong to, take a server 100 MB.
    """
    import pilothouse.workspace.tables  # noqa: F401  # every table that may be sealed

    seal_all(session, store)
