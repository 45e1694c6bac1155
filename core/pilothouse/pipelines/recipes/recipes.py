"""The Python API of recipes: people's own training code, run as durable jobs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlmodel import col, select

from pilothouse.data import Data
from pilothouse.environments import EnvironmentInfo, Environments
from pilothouse.kit.errors import NotFound
from pilothouse.pipelines.recipes import commands, snapshot
from pilothouse.pipelines.recipes.commands import RecipeSettings
from pilothouse.pipelines.recipes.info import RecipeInfo, recipe_info
from pilothouse.pipelines.recipes.project import RecipeParameter, entry_points
from pilothouse.pipelines.recipes.runs import runs_of_recipe
from pilothouse.pipelines.tables import Recipe
from pilothouse.storage.service import Service

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    *("name", "command", "model", "experiment", "source", "commit"),
    *("note", "updated_at", "created_by"),
)


class Recipes(Service):
    """People's own training code: a folder or a Git commit with a command and its parameters."""

    def register(
        self, name: str, folder: str | Path, *, commit: str = "", **settings: Any
    ) -> RecipeInfo:
        """Copy the training code of a folder, or of a Git commit of it, under a name.

        `settings` are fields of RecipeSettings: the entry point (of its MLproject file, or a
        Python file), the parameter that takes a dataset's file, and the model that it makes
        versions of. Its environment is requested at once. A recipe of that name is replaced.
        Raises NotFound without the folder or the commit, and Invalid.
        """
        path = Path(folder).expanduser().resolve()
        code = snapshot.take(path, commit)
        return self._register(code, str(path), RecipeSettings(name, **settings))

    def register_files(
        self, name: str, files: Mapping[str, bytes], source: str = "", **settings: Any
    ) -> RecipeInfo:
        """Register code that is given as its files by their paths, such as those of an upload.

        A zip file among them is taken apart. Raises Invalid.
        """
        code = snapshot.of_upload(files)
        return self._register(code, source or "upload", RecipeSettings(name, **settings))

    def entry_points(
        self, source: str | Path | Mapping[str, bytes], commit: str = ""
    ) -> dict[str, tuple[RecipeParameter, ...]]:
        """What could be run in a folder, or among files: entry points with their parameters.

        Raises NotFound without the folder or the commit, and Invalid.
        """
        if isinstance(source, Mapping):
            return entry_points(snapshot.of_upload(source).files)
        return entry_points(snapshot.take(Path(source).expanduser(), commit).files)

    def recipes(self) -> pd.DataFrame:
        """Recipes by name: a frame of `COLUMNS`."""
        import pandas as pd

        query = select(Recipe).order_by(col(Recipe.name))
        with self._store.read() as session:
            rows = [[getattr(row, column) for column in COLUMNS] for row in session.exec(query)]
        frame = pd.DataFrame(rows, columns=list(COLUMNS))
        frame["updated_at"] = pd.to_datetime(frame["updated_at"], utc=True)
        return frame

    def recipe(self, name: str) -> RecipeInfo:
        """One recipe. Raises NotFound."""
        with self._store.read() as session:
            return recipe_info(commands.require(session, name))

    def code(self, name: str) -> dict[str, bytes]:
        """The files of a recipe by their paths. Raises NotFound."""
        return snapshot.files_of(self._store.artifacts.read(self.recipe(name).digest))

    def environment(self, name: str) -> EnvironmentInfo | None:
        """The environment that a recipe runs in; None once it was removed, until the next run.

        Raises NotFound without the recipe.
        """
        identity = self.recipe(name).environment.digest
        try:
            return Environments(self._store).environment(identity)
        except NotFound:
            return None

    def run(self, name: str, parameters: Mapping[str, Any] | None = None, dataset: str = "") -> str:
        """Ask for a run with these parameters and the file of a dataset version; the job's id.

        A dataset without a version ("churn") is its newest. Raises NotFound, and Invalid for
        parameters that its entry point does not take.
        """
        if dataset:
            Data(self._store).version(dataset)  # NotFound here rather than in the job
        with self._store.write() as session:
            return commands.run(session, self._store, name, parameters or {}, dataset)

    def runs(self, name: str) -> pd.DataFrame:
        """The runs of a recipe, newest first: a frame of run, name, status, job, created_at.

        Those of a removed one are still there. Raises NotFound for a name that never had any.
        """
        with self._store.read() as session:
            frame = runs_of_recipe(session, name)
            if frame.empty:
                commands.require(session, name)
            return frame

    def remove(self, name: str, reason: str = "") -> None:
        """Delete a recipe; its runs and the models that it made are kept. Raises NotFound."""
        with self._store.write() as session:
            commands.remove(session, self._store, name, reason)

    def _register(
        self, code: snapshot.CodeSnapshot, source: str, settings: RecipeSettings
    ) -> RecipeInfo:
        with self._store.write() as session:
            info = recipe_info(commands.register(session, self._store, code, source, settings))
        Environments(self._store).request(info.environment)
        return info
