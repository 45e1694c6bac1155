"""Which model the form for registering a run's model offers first."""

from __future__ import annotations

import pytest

from pilothouse.workspace import Workspace
from pilothouse_app.features.experiments import register_model


def test_the_model_of_the_runs_experiment_comes_first(
    served: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(register_model, "workspace", lambda: served)
    version = served.registry.version("late", 2)
    assert version.run_id
    run = served.experiments.run(version.run_id)
    assert register_model.related_model(run) == "late"

    other = served.experiments.start("elsewhere", "a run")
    assert register_model.related_model(served.experiments.run(other)) == ""
