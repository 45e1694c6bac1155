"""Building with the real uv from wheels made by hand: what is shared, and what is never half."""

from __future__ import annotations

import json
import subprocess
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harness.environments import Open, build, end_job, run_job
from harness.package_index import PackageIndex, make_wheel
from pilothouse.environments import EnvironmentRequest, folders
from pilothouse.workspace import Workspace


def python(workspace: Workspace, name: str, code: str) -> str:
    program = workspace.environments.interpreter(name)
    ended = subprocess.run([program, "-c", code], capture_output=True, text=True, check=True)
    return ended.stdout.strip()


def test_an_environment_has_what_was_required(sealed: Workspace) -> None:
    name = build(sealed, "alpha==1.0", subject="churn@1")
    info = sealed.environments.environment(name)
    assert (info.state, info.packages, info.subjects) == ("built", 3, ("churn@1",))
    assert info.lock == "alpha==1.0\nbeta==2.0\norjson==3.10.0"
    assert python(sealed, "churn@1", "import alpha, beta; print(beta.__version__)") == "2.0"
    assert info.bytes > 300_000
    marker = json.loads((folders.folder_of(sealed.store, info.hash) / folders.MARKER).read_text())
    assert marker["hash"] == info.hash


def test_nothing_is_compiled(sealed: Workspace) -> None:
    info = sealed.environments.environment(build(sealed, "alpha"))
    folder = folders.folder_of(sealed.store, info.hash)
    assert list(folder.rglob("alpha.py"))
    assert not list(folder.rglob("*.pyc"))


def test_libraries_of_graphics_cards_are_left_out_but_for_torch_which_needs_them(
    sealed: Workspace, wheels: Path
) -> None:
    make_wheel(wheels, "nvidia-nccl-cu12", "2.0")
    make_wheel(wheels, "boosting", "1.0", requires=["nvidia-nccl-cu12"])
    make_wheel(wheels, "torch", "2.0", requires=["nvidia-nccl-cu12"])
    make_wheel(wheels, "networks", "1.0", requires=["torch"])
    environments = sealed.environments
    assert environments.environment(build(sealed, "boosting")).lock.splitlines() == [
        "boosting==1.0",
        "orjson==3.10.0",
    ]
    assert "nvidia-nccl-cu12==2.0" in environments.environment(build(sealed, "networks")).lock


def test_equal_locks_share_one_folder(sealed: Workspace) -> None:
    first = build(sealed, "alpha", subject="churn@1")
    # Another date and another order: another request, with the same packages.
    requested = EnvironmentRequest(
        requirements=("beta", "alpha"), logged_at=datetime(2025, 1, 1, tzinfo=UTC)
    )
    info = sealed.environments.request(requested, "churn@2")
    assert info.id != first
    assert run_job(sealed, info) == first
    assert sealed.environments.environment(info.id).id == first
    assert sealed.environments.environment(first).subjects == ("churn@1", "churn@2")
    assert len(sealed.environments.environments()) == 1
    assert len(folders.names(sealed.store)) == 1
    # Asked a third time, nothing is resolved.
    assert sealed.environments.request(requested, "churn@3").id == first


def test_the_second_environment_adds_little(sealed: Workspace, wheels: Path) -> None:
    make_wheel(wheels, "gamma", "1.0")
    first = sealed.environments.environment(build(sealed, "alpha"))
    second = sealed.environments.environment(build(sealed, "alpha", "gamma"))
    assert first.hash != second.hash
    assert second.bytes > 300_000
    assert second.own_bytes < 100_000
    paths = [
        next(folders.folder_of(sealed.store, info.hash).rglob("alpha_data.bin"))
        for info in (first, second)
    ]
    assert paths[0].stat().st_ino == paths[1].stat().st_ino


def test_two_builds_of_one_hash_at_once_are_one(
    opened: Open, index: PackageIndex, wheels: Path
) -> None:
    workspace = opened()
    infos = [
        workspace.environments.request(EnvironmentRequest(requirements=r), f"churn@{n}")
        for n, r in enumerate((("alpha",), ("beta", "alpha")))
    ]
    index.released.clear()
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            run_job(workspace, infos[number])
        except BaseException as broken:  # handed to the test's own thread
            failures.append(broken)
            raise

    threads = [threading.Thread(target=work, args=(n,)) for n in range(2)]
    for thread in threads:
        thread.start()
    index.released.set()
    for thread in threads:
        thread.join(60)
    assert not failures
    assert len(folders.names(workspace.store)) == 1
    assert len(workspace.environments.environments()) == 1
    assert workspace.environments.environment("churn@0").state == "built"
    assert sorted(index.downloads) == sorted(set(index.downloads)), "a wheel came twice"


def test_versions_are_those_of_the_models_date(opened: Open, index: PackageIndex) -> None:
    for name, day in (("alpha-1.0", "2024-01-01"), ("alpha-2.0", "2025-01-01")):
        index.upload_times[f"{name}-py3-none-any.whl"] = f"{day}T00:00:00Z"
    for name in ("beta-1.0", "beta-2.0", "orjson-3.10.0"):
        index.upload_times[f"{name}-py3-none-any.whl"] = "2023-01-01T00:00:00Z"
    workspace = opened()
    old = build(workspace, "alpha", logged_at=datetime(2024, 6, 1, tzinfo=UTC))
    new = build(workspace, "alpha", logged_at=datetime(2025, 6, 1, tzinfo=UTC))
    assert "alpha==1.0" in workspace.environments.environment(old).lock
    assert "alpha==2.0" in workspace.environments.environment(new).lock
    assert workspace.environments.environment(old).notes == ()


def test_an_index_without_dates_gives_the_newest_and_the_environment_says_so(
    opened: Open, index: PackageIndex
) -> None:
    workspace = opened()
    name = build(workspace, "alpha", logged_at=datetime(2024, 6, 1, tzinfo=UTC))
    info = workspace.environments.environment(name)
    assert "alpha==2.0" in info.lock
    assert any("newest that fit" in note for note in info.notes)


def test_what_uv_has_in_its_cache_is_built_offline(
    opened: Open, index: PackageIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = build(opened(), "alpha")
    index.status = 500
    offline = opened(environment_offline=True)
    offline.environments.remove(name)
    assert build(offline, "alpha") == name
    assert offline.environments.environment(name).state == "built"


def test_a_rebuild_replaces_the_folder(sealed: Workspace, wheels: Path) -> None:
    name = build(sealed, "alpha", subject="churn@1")
    before = sealed.environments.environment(name)
    make_wheel(wheels, "alpha", "3.0")
    info = sealed.environments.rebuild(name, "a new alpha")
    assert info.state == "wanted"
    assert run_job(sealed, info, rebuild=True) == name
    after = sealed.environments.environment(name)
    assert "alpha==3.0" in after.lock
    assert folders.names(sealed.store) == [after.hash]
    assert before.hash != after.hash


def test_a_folder_that_somebody_removed_is_built_again(sealed: Workspace) -> None:
    requested = EnvironmentRequest(requirements=("alpha",))
    name = build(sealed, "alpha")
    folders.remove(sealed.store, sealed.environments.environment(name).hash)
    info = sealed.environments.request(requested)
    assert info.state == "wanted"
    run_job(sealed, info)
    assert python(sealed, name, "import alpha; print(alpha.__version__)") == "2.0"


def test_a_job_under_way_builds_for_all_who_join(sealed: Workspace) -> None:
    requested = EnvironmentRequest(requirements=("alpha",))
    first = sealed.environments.request(requested, "churn@1")
    second = sealed.environments.request(requested, "churn@2")
    assert first.job == second.job
    end_job(sealed, first, "cancelled")
    third = sealed.environments.request(requested, "churn@3")
    assert third.job != first.job


def test_leftovers_of_a_killed_build_are_removed(sealed: Workspace) -> None:
    info = sealed.environments.request(EnvironmentRequest(requirements=("alpha",)))
    root = folders.root(sealed.store)
    name = build(sealed, "alpha")
    digest = sealed.environments.environment(name).hash
    folders.remove(sealed.store, digest)
    left = root / folders.BUILDING / f"{digest}-0badcafe"
    left.mkdir(parents=True)
    (left / "half").write_text("half")
    run_job(sealed, sealed.environments.request(EnvironmentRequest(requirements=("alpha",))))
    assert info.id == name
    assert not left.exists()
    assert list((root / folders.BUILDING).iterdir()) == []
