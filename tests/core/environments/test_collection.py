"""Unused environments are removed by last use; those of deployments and of builds never."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from harness.environments import build, run_job
from harness.package_index import make_wheel
from pilothouse.environments import EnvironmentRequest, Environments, folders
from pilothouse.kit.clock import FixedClock
from pilothouse.kit.errors import Conflict, NotFound
from pilothouse.workspace import Workspace
from pilothouse.workspace.checks import checks

Deploy = Callable[[str], Environments]


@pytest.fixture
def three(sealed: Workspace, wheels: Path, clock: FixedClock) -> list[str]:
    """Three environments, the first used longest ago."""
    names = []
    for number in range(3):
        make_wheel(wheels, f"model{number}", "1.0", size=200_000)
        names.append(build(sealed, f"model{number}", subject=f"churn@{number}"))
        clock.advance(timedelta(hours=2))
    return names


def with_deployed(workspace: Workspace, *subjects: str) -> Environments:
    return Environments(workspace.store, lambda _: subjects)


def test_the_one_used_longest_ago_goes_first(sealed: Workspace, three: list[str]) -> None:
    room = with_deployed(sealed)
    room.interpreter(three[0])  # used now
    before = room.disk_bytes()
    result = sealed.environments.collect(limit_mb=0)
    assert result.removed == (three[1], three[2])
    assert room.environment(three[0]).state == "built"
    assert result.left_bytes == room.disk_bytes() < before
    after = room.environment(three[1])
    assert (after.state, bool(after.lock), after.subjects) == ("removed", True, ("churn@1",))


def test_nothing_goes_below_the_limit(sealed: Workspace, three: list[str]) -> None:
    result = sealed.environments.collect(limit_mb=1_000)
    assert (result.removed, result.freed_bytes) == ((), 0)
    assert len(folders.names(sealed.store)) == 3


def test_what_a_deployment_uses_stays(sealed: Workspace, three: list[str]) -> None:
    room = with_deployed(sealed, "churn@0", "other@1")
    assert room.collect(limit_mb=0).removed == (three[1], three[2])
    assert room.environment("churn@0").deployed == ("churn@0",)
    for command in (room.remove, room.rebuild):
        with pytest.raises(Conflict, match="churn@0 is deployed"):
            command(three[0], "space")
    info = room.environment(three[0])
    assert not info.can_be_removed
    assert not info.can_be_rebuilt


def test_a_removed_one_is_built_again_on_request(sealed: Workspace, three: list[str]) -> None:
    sealed.environments.collect(limit_mb=0)
    info = sealed.environments.request(EnvironmentRequest(requirements=("model0",)), "churn@0")
    assert info.state == "wanted"
    run_job(sealed, info)
    assert sealed.environments.environment(three[0]).state == "built"


def test_remove_takes_folder_rows_and_uses(sealed: Workspace, three: list[str]) -> None:
    sealed.environments.request(EnvironmentRequest(requirements=("model0",)), "churn@9")
    info = sealed.environments.environment(three[0])
    with pytest.raises(Conflict, match="is being built"):
        sealed.environments.remove(three[0])
    run_job(sealed, info)
    assert sealed.environments.remove("churn@9", "a mistake") == three[0]
    assert not folders.folder_of(sealed.store, info.hash).exists()
    assert sealed.environments.use("churn@0") is None
    with pytest.raises(NotFound):
        sealed.environments.environment(three[0])
    entries = sealed.activity.entries(kind="environment")
    assert "removed" in set(entries["verb"])


def test_doctor_names_a_missing_folder_and_one_too_many(
    sealed: Workspace, three: list[str]
) -> None:
    check = checks.get("environments")
    assert check(sealed.store).ok
    folders.remove(sealed.store, sealed.environments.environment(three[0]).hash)
    (sealed.folder / folders.ROOT / "0123456789abcdef").mkdir()
    verdict = check(sealed.store)
    assert not verdict.ok
    assert f"environment {three[0]} is missing" in verdict.message
    assert "environments/0123456789abcdef is of no environment" in verdict.message


def test_a_folder_without_its_marker_is_not_whole(sealed: Workspace, three: list[str]) -> None:
    folder = folders.folder_of(sealed.store, sealed.environments.environment(three[0]).hash)
    (folder / folders.MARKER).unlink()
    assert not checks.get("environments")(sealed.store).ok
    info = sealed.environments.request(EnvironmentRequest(requirements=("model0",)))
    assert info.state == "wanted"
    run_job(sealed, info)
    assert checks.get("environments")(sealed.store).ok
