"""Versions that are not there, or whose model is there no more."""

from __future__ import annotations

import pytest

from harness import serving
from harness.policies import set_gates
from pilothouse.kit.errors import Conflict, NotFound, Unavailable
from pilothouse.workspace import Workspace

pytestmark = pytest.mark.usefixtures("answering")


@pytest.fixture
def imported(workspace: Workspace) -> Workspace:
    """A version that any gate lets through, and whose artifact somebody has deleted."""
    serving.register(workspace.store, "late", b"a model", b"another")
    for stage in ("staging", "production"):
        set_gates(workspace, stage, [])
    digest = workspace.registry.version("late", 1).digest
    workspace.store.artifacts.local_path(digest).unlink()
    return workspace


def test_gates_may_be_none(imported: Workspace) -> None:
    assert imported.policies.applicable("late", "production").gates == ()
    imported.registry.promote("late", 2, "production", "fine")


def test_a_version_without_its_artifact_is_not_promoted(imported: Workspace) -> None:
    with pytest.raises(Unavailable, match="artifact is not in the store"):
        imported.registry.promote("late", 1, "production", "please")
    assert imported.registry.champion("late") is None
    assert imported.registry.version("late", 1).stage == "none"
    assert imported.registry.promotions().empty


def test_an_accepted_proposal_waits_until_the_artifact_is_back(imported: Workspace) -> None:
    made = imported.registry.propose("late", 1, "production", "please")
    with pytest.raises(Unavailable, match="artifact is not in the store"):
        imported.registry.decide(made.id, True, "yes")
    assert imported.registry.promotion(made.id).status == "pending"
    assert (
        imported.store.artifacts.put_bytes(b"a model")
        == imported.registry.version("late", 1).digest
    )
    assert imported.registry.decide(made.id, True, "yes").status == "accepted"
    with pytest.raises(Conflict, match="accepted already"):
        imported.registry.decide(made.id, False, "no")


@pytest.mark.parametrize("number", [0, -1, 99, 10**30])
def test_a_number_that_no_version_has(imported: Workspace, number: int) -> None:
    with pytest.raises(NotFound, match="the latest is 2"):
        imported.registry.version("late", number)
    with pytest.raises(NotFound, match="the latest is 2"):
        imported.registry.promote("late", number, "production", "please")


@pytest.mark.parametrize("which", ["9" * 30, "9" * 5_000, "", "\u0661", "../2"])
def test_a_word_that_is_no_alias(imported: Workspace, which: str) -> None:
    with pytest.raises(NotFound, match="has the alias"):
        imported.registry.version("late", which)
