"""Model versions that may move: for tests of how clients see stages, not of gates."""

from __future__ import annotations

from harness.policies import set_gates
from pilothouse.registry import Registry, load_trials
from pilothouse.workspace import Workspace

STAGES = ("staging", "production")


def open_gates(workspace: Workspace, model: str, *versions: int) -> None:
    """Leave no gate but the trial before any stage, and store trials that succeeded."""
    for stage in STAGES:
        set_gates(workspace, stage, ())
    store, registry = workspace.store, workspace.registry
    for version in versions:
        load_trials.run_trial(store, registry.version(model, version), lambda *_: "", again=True)
        assert all(Registry(store).assess(model, version, stage).accepted for stage in STAGES)
