"""What recipes answer: values without a database behind them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pilothouse.environments import EnvironmentRequest
from pilothouse.pipelines.recipes.project import Project, RecipeParameter
from pilothouse.pipelines.tables import Recipe


@dataclass(frozen=True, repr=False)
class RecipeInfo:
    """A recipe: people's own training code, as it was registered.

    `digest` names the zip file of its code, `commit` the Git commit that it is of, if any.
    `dataset_parameter` takes the path of a dataset's file in `dataset_format`. `model` is the
    registered model that its runs make versions of, empty when its code registers them itself.
    """

    name: str
    source: str
    commit: str
    digest: str
    entry_point: str
    command: str
    parameters: tuple[RecipeParameter, ...]
    environment: EnvironmentRequest
    dataset_parameter: str
    dataset_format: str
    model: str
    experiment: str
    note: str
    created_at: datetime
    created_by: str
    updated_at: datetime

    def __repr__(self) -> str:
        return f"<recipe {self.name}: {self.command}>"

    @property
    def project(self) -> Project:
        """The entry point with its parameters."""
        return Project(self.name, self.command, self.parameters)

    @property
    def open_parameters(self) -> tuple[RecipeParameter, ...]:
        """The parameters that a run gives: all but the one of the dataset."""
        return tuple(p for p in self.parameters if p.name != self.dataset_parameter)


def recipe_info(row: Recipe) -> RecipeInfo:
    """The values of a row."""
    return RecipeInfo(
        name=row.name,
        source=row.source,
        commit=row.commit,
        digest=row.digest,
        entry_point=row.entry_point,
        command=row.command,
        parameters=tuple(RecipeParameter(**values) for values in row.parameters),
        environment=EnvironmentRequest.from_json(row.environment),
        dataset_parameter=row.dataset_parameter,
        dataset_format=row.dataset_format,
        model=row.model,
        experiment=row.experiment,
        note=row.note,
        created_at=row.created_at,
        created_by=row.created_by,
        updated_at=row.updated_at,
    )
