"""Every way in which an environment is not there is a state with a message and a way on."""

from __future__ import annotations

import errno
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harness.environments import Open, build, end_job, run_job
from harness.package_index import PackageIndex
from pilothouse.environments import (
    CheckOutcome,
    EnvironmentFailure,
    EnvironmentInfo,
    EnvironmentRequest,
    folders,
)
from pilothouse.environments import interpreters as interpreters_module
from pilothouse.environments.checking import check_uses
from pilothouse.environments.failure import KINDS, classify
from pilothouse.environments.job_functions import resolve_environment
from pilothouse.jobs import Progress
from pilothouse.kit.errors import Cancelled, Unavailable
from pilothouse.workspace import Workspace


def failed(workspace: Workspace, requested: EnvironmentRequest) -> EnvironmentInfo:
    """What the workspace says of an environment whose job has failed."""
    info = workspace.environments.request(requested, "churn@1")
    with pytest.raises(EnvironmentFailure) as raised:
        run_job(workspace, info)
    end_job(workspace, info, "failed")

    after = workspace.environments.environment(info.id)
    use = workspace.environments.use("churn@1")
    assert use is not None
    assert (after.state, use.state) == ("failed", "failed")
    assert raised.value.kind == after.failure == use.failure
    assert after.message == use.message != ""
    assert after.hint == use.hint != ""
    assert after.failure_title == KINDS[after.failure].title
    assert not folders.names(workspace.store)
    assert after.can_be_rebuilt
    with pytest.raises(Unavailable):
        workspace.environments.interpreter("churn@1")
    return after


@pytest.mark.parametrize(
    ("requirements", "kind", "part"),
    [
        (["alpha==9.9"], "no_such_version", "alpha==9.9"),
        (["unheard-of"], "no_such_package", "unheard-of"),
        (["old==1.0"], "no_wheel", "old==1.0"),
        (["alpha==2.0", "beta==1.0"], "conflict", "beta"),
        (["alpha=1"], "unreadable", "'alpha=1' is not a requirement"),
        (["-e ."], "unreadable", "'-e .' is an option"),
        (["alpha @ https://bob:pw@host.example/alpha.whl"], "unreadable", "from an address"),
        (["x"] * 3_000, "unreadable", "3000 requirements"),
    ],
)
def test_requirements_that_cannot_be_had(
    sealed: Workspace, requirements: list[str], kind: str, part: str
) -> None:
    after = failed(sealed, EnvironmentRequest(requirements=tuple(requirements)))
    assert after.failure == kind
    assert part in after.message


def test_packages_that_only_conda_has(sealed: Workspace) -> None:
    files = {"conda.yaml": b"dependencies: [python=3.11, libgdal=3.8, pip, {pip: [alpha]}]"}
    after = failed(sealed, EnvironmentRequest.from_files(files))
    assert (after.failure, "libgdal=3.8" in after.message) == ("conda_only", True)


def test_offline_without_a_cache(opened: Open, index: PackageIndex) -> None:
    after = failed(opened(environment_offline=True), EnvironmentRequest(requirements=("alpha",)))
    assert after.failure == "offline"


@pytest.mark.parametrize(("status", "kind"), [(500, "index_unreachable"), (401, "index_refused")])
def test_an_index_that_does_not_answer(
    opened: Open, index: PackageIndex, status: int, kind: str
) -> None:
    index.status = status
    workspace = opened()
    after = failed(workspace, EnvironmentRequest(requirements=("alpha",)))
    assert after.failure == kind
    assert index.url not in after.message


def test_no_such_python(sealed: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreters_module, "_candidates", lambda *_: iter([Path(sys.executable)]))
    other = "3.10" if sys.version_info[:2] != (3, 10) else "3.12"
    after = failed(sealed, EnvironmentRequest(requirements=("alpha",), python=other))
    assert (after.failure, f"Python {other}" in after.message) == ("no_interpreter", True)


@pytest.mark.parametrize("python", ["2.7", "3.8", "3.99"])
def test_a_python_that_models_do_not_run_on(sealed: Workspace, python: str) -> None:
    after = failed(sealed, EnvironmentRequest(requirements=("alpha",), python=python))
    assert after.failure == "unsupported_python"


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("/nowhere/python", "cannot be run"),
        ("/bin/cat", "is not a Python interpreter"),
        (sys.executable, "has no alpha==1.0"),
    ],
)
def test_an_interpreter_that_cannot_be_used(sealed: Workspace, path: str, part: str) -> None:
    requested = EnvironmentRequest(requirements=("alpha==1.0",), kind="named", interpreter=path)
    after = failed(sealed, requested)
    assert (after.failure, part in after.message) == ("bad_interpreter", True)


def test_pilothouses_own_environment_lacks_something(sealed: Workspace) -> None:
    after = failed(sealed, EnvironmentRequest(requirements=("alpha==1.0",), kind="house"))
    assert after.message == "Pilothouse's own environment has no alpha==1.0."


def test_a_full_disk(sealed: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(folders, "size_of", full)
    after = failed(sealed, EnvironmentRequest(requirements=("alpha",)))
    assert after.failure == "disk_full"
    building = folders.root(sealed.store) / folders.BUILDING
    assert list(building.iterdir()) == []


def test_uv_takes_too_long(opened: Open, index: PackageIndex) -> None:
    index.released.clear()
    workspace = opened(environment_timeout_s=2)
    after = failed(workspace, EnvironmentRequest(requirements=("alpha",)))
    assert (after.failure, "2 seconds" in after.message) == ("timeout", True)


def test_uv_is_missing(sealed: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uv", None)
    monkeypatch.setenv("PATH", "/nowhere")
    assert failed(sealed, EnvironmentRequest(requirements=("alpha",))).failure == "no_uv"


def test_a_build_that_is_cancelled(opened: Open, index: PackageIndex) -> None:
    index.released.clear()
    workspace = opened()
    info = workspace.environments.request(EnvironmentRequest(requirements=("alpha",)), "churn@1")
    progress = Progress(workspace.store, info.job)
    progress.check()

    from pilothouse.jobs.tables import RUNNING, Job

    with workspace.store.write() as session:
        job = session.get_one(Job, info.job)
        job.status, job.cancel_requested = RUNNING, True
        session.add(job)
    with pytest.raises(Cancelled):
        resolve_environment(workspace.store, progress, environment=info.id)
    end_job(workspace, info, "cancelled")
    after = workspace.environments.environment(info.id)
    assert (after.state, after.failure) == ("failed", "interrupted")


def test_a_job_that_ended_without_a_word(sealed: Workspace) -> None:
    """Such as one that was cancelled while it was queued."""
    info = sealed.environments.request(EnvironmentRequest(requirements=("alpha",)), "churn@1")
    assert (info.state, info.can_be_removed) == ("wanted", False)
    sealed.jobs.cancel(str(info.job), "a mistake")
    after = sealed.environments.environment(info.id)
    use = sealed.environments.use("churn@1")
    assert use is not None
    assert (after.state, after.failure, use.state) == ("failed", "interrupted", "failed")
    assert sealed.environments.environments()["state"].tolist() == ["failed"]
    sealed.environments.rebuild(info.id, "again")
    assert sealed.environments.environment(info.id).state == "wanted"


@pytest.mark.parametrize(
    "outcome",
    [
        CheckOutcome("import_error", "No module named 'gamma'."),
        CheckOutcome("example_failed", "could not convert string to float."),
        CheckOutcome("answers_differ", "0.12 instead of the logged 0.21."),
        CheckOutcome("timeout", "It did not answer within 120 seconds."),
    ],
)
def test_a_model_that_does_not_run_in_it(sealed: Workspace, outcome: CheckOutcome) -> None:
    name = build(sealed, "alpha", subject="churn@1")
    store = sealed.store
    states = check_uses(store, Progress(store, None), name, lambda *_: outcome, "job")
    assert states == {"churn@1": "failed"}
    use = sealed.environments.use("churn@1")
    assert use is not None
    assert (use.failure, use.message) == (outcome.failure, outcome.message)
    assert use.hint == KINDS[outcome.failure].hint
    after = sealed.environments.environment(name)
    assert (after.state, after.failure) == ("failed", outcome.failure)
    assert after.message == f"churn@1: {outcome.message}"


def test_it_is_ready_once_a_model_answered_its_example(sealed: Workspace) -> None:
    name = build(sealed, "alpha", subject="churn@1")
    requested = EnvironmentRequest(requirements=("alpha",))
    job = str(sealed.environments.request(requested, "churn@2").job)
    seen: list[str] = []

    def check(store: object, subject: str, interpreter: Path) -> CheckOutcome:
        assert interpreter.exists()
        use = sealed.environments.use(subject)
        assert use is not None
        assert use.state == "checking"
        seen.append(subject)
        return CheckOutcome()

    store = sealed.store
    states = check_uses(store, Progress(store, None), name, check, job)
    assert states == {"churn@1": "ready", "churn@2": "ready"}
    assert sealed.environments.environment(name).state == "ready"
    # What has been checked is not checked again.
    assert check_uses(store, Progress(store, None), name, check, job) == {}
    assert seen == ["churn@1", "churn@2"]


def test_a_check_whose_job_was_lost_has_failed_and_is_done_again(sealed: Workspace) -> None:
    name = build(sealed, "alpha", subject="churn@1")
    store = sealed.store

    def killed(*_: object) -> CheckOutcome:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check_uses(store, Progress(store, None), name, killed, "a job that is gone")
    use = sealed.environments.use("churn@1")
    assert use is not None
    assert (use.state, use.failure) == ("failed", "interrupted")
    check_uses(store, Progress(store, None), name, lambda *_: CheckOutcome(), "another")
    assert sealed.environments.environment(name).state == "ready"


@pytest.mark.parametrize(
    ("output", "kind"),
    [
        # As uv 0.13 wrote them on a disk of 3 MB, without a network and with an older Python.
        (
            "error: Failed to install: numpy-2.4.6-cp311-cp311-manylinux_2_27_x86_64.whl\n"
            "  cause: Failed to copy to `/x/numpy.libs/lib.so`\n"
            "  cause: failed to copy file: No space left on device (os error 28)\n",
            "disk_full",
        ),
        (
            "error: Failed to download `tzdata==2026.6`\n  cause: Failed to extract archive\n"
            "  cause: failed to write to file: No space left on device (os error 28)\n"
            "\nhint: `tzdata` was included because `pandas` depends on it\n",
            "disk_full",
        ),
        (
            "error: Request failed after 3 retries in 7.4s\n  cause: Failed to fetch: <address>\n"
            "  cause: dns error\n  cause: failed to lookup address information\n",
            "index_unreachable",
        ),
        (
            "error: No interpreter found for Python 3.14 in managed installations or search path\n",
            "no_interpreter",
        ),
        (
            "error: No solution found when resolving dependencies\n  cause: Because torch==2.13.0 "
            "has no wheels with a matching Python ABI tag (e.g., `cp313`) and you require "
            "torch==2.13.0, we can conclude that your requirements are unsatisfiable.\n",
            "no_wheel",
        ),
        ("something new\n", "other"),
        ("", "other"),
    ],
)
def test_the_messages_of_uv(output: str, kind: str) -> None:
    failure = classify(output)
    assert failure.kind == kind
    assert failure.hint == KINDS[kind].hint
    assert failure.message.endswith(".")


def test_a_failure_crosses_processes() -> None:
    import pickle

    copy = pickle.loads(pickle.dumps(EnvironmentFailure("no wheel.", kind="no_wheel")))
    assert (copy.kind, copy.message, copy.hint) == (
        "no_wheel",
        "no wheel.",
        KINDS["no_wheel"].hint,
    )


def test_every_kind_says_what_to_do() -> None:
    assert len(KINDS) >= 12
    assert all(kind.title and kind.hint.endswith(".") for kind in KINDS.values())


def test_what_could_not_be_resolved_at_its_date_names_the_reason_without_it(
    opened: Open, index: PackageIndex
) -> None:
    requested = EnvironmentRequest(
        requirements=("alpha==9.9",), logged_at=datetime(2024, 1, 1, tzinfo=UTC)
    )
    after = failed(opened(), requested)
    assert (after.failure, "alpha==9.9" in after.message) == ("no_such_version", True)
