"""What a run keeps: parameters once, tags again and again, files verified, a life in order."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pilothouse.experiments import Experiments, Points
from pilothouse.experiments.provenance.git import UNKNOWN, CodeIdentity
from pilothouse.kit.clock import FixedClock
from pilothouse.kit.errors import Conflict, Invalid, NotFound, Unavailable
from pilothouse.storage import Store
from pilothouse.workspace import Workspace


@pytest.fixture
def room(store: Store) -> Experiments:
    return Experiments(store)


@pytest.fixture
def run(room: Experiments) -> str:
    return room.start("flights", trainer="random_forest", seed=7, code=UNKNOWN)


def test_a_run_remembers_how_it_was_started(room: Experiments, clock: FixedClock) -> None:
    code = CodeIdentity("a" * 40, dirty=True, branch="main")
    run = room.start("flights", "first", trainer="rf", seed=7, source="fit.py", code=code)
    clock.advance(timedelta(seconds=90))
    room.finish(run)
    info = room.run(run)
    assert (info.name, info.experiment, info.trainer, info.seed) == ("first", "flights", "rf", 7)
    assert (info.commit, info.dirty, info.source, info.user) == ("a" * 40, True, "fit.py", "ada")
    assert (info.status, info.duration_s) == ("finished", 90.0)


def test_an_unnamed_run_gets_a_name_people_can_say(room: Experiments, run: str) -> None:
    assert room.run(run).name.count("-") == 2


def test_a_parameter_is_written_once(room: Experiments, run: str) -> None:
    room.log_params(run, {"depth": 3, "rate": 0.1})
    room.log_params(run, {"depth": "3", "leaves": None})
    with pytest.raises(Conflict, match="'depth' is '3' and cannot become '4'"):
        room.log_params(run, {"depth": 4, "late": 1})
    assert room.run(run).params == {"depth": "3", "leaves": "None", "rate": "0.1"}


def test_parameters_keep_containers_as_json(room: Experiments, run: str) -> None:
    room.log_params(run, {"features": ["b", "a"], "grid": {"x": 1}})
    assert room.run(run).params == {"features": '["b", "a"]', "grid": '{"x": 1}'}


def test_a_batch_is_all_or_nothing(room: Experiments, run: str) -> None:
    room.log_params(run, {"depth": 3})
    with pytest.raises(Conflict):
        room.log_batch(run, [Points("loss", [0], [1.0])], params={"depth": 4}, tags={"a": "b"})
    assert (room.run(run).metrics, room.run(run).tags) == ({}, {})


def test_tags_change_and_go(room: Experiments, run: str) -> None:
    room.tag(run, {"team": "delay", "phase": "one"})
    room.tag(run, {"phase": "two"})
    room.untag(run, ["team", "never"])
    assert room.run(run).tags == {"phase": "two"}


def test_files_come_back_and_the_newer_replaces(room: Experiments, run: str) -> None:
    room.log_artifact(run, "notes/./a.txt", b"old")
    room.log_artifact(run, "notes/a.txt", b"newer")
    assert room.artifact(run, "notes/a.txt") == b"newer"
    assert room.artifact_file(run, "notes/a.txt").read_bytes() == b"newer"
    assert [(file.path, file.size) for file in room.run(run).artifacts] == [("notes/a.txt", 5)]


def test_a_missing_file_names_the_ones_there_are(room: Experiments, run: str) -> None:
    room.log_artifact(run, "spec.json", b"{}")
    with pytest.raises(NotFound, match=r"Known: spec\.json"):
        room.artifact(run, "other.json")


def test_a_damaged_file_is_not_handed_out(room: Experiments, store: Store, run: str) -> None:
    room.log_artifact(run, "spec.json", b"{}")
    digest = room.run(run).artifacts[0].digest
    store.artifacts.local_path(digest).write_bytes(b"[]")
    with pytest.raises(Unavailable, match="damaged"):
        room.artifact(run, "spec.json")


@pytest.mark.parametrize("path", ["", "/etc/passwd", "a/../../b", "..", "a\\b", "a\0b"])
def test_a_path_stays_inside_the_run(room: Experiments, run: str, path: str) -> None:
    with pytest.raises(Invalid, match="not a path inside a run"):
        room.log_artifact(run, path, b"")


def test_inputs_are_kept_by_role(room: Experiments, run: str) -> None:
    room.log_input(run, "flights@1", "training")
    room.log_input(run, "flights@1", "training")
    room.log_input(run, "flights@2", "evaluation")
    inputs = [(one.role, one.dataset) for one in room.run(run).inputs]
    assert inputs == [("evaluation", "flights@2"), ("training", "flights@1")]


def test_the_environment_names_what_figures_depend_on(room: Experiments, run: str) -> None:
    room.log_environment(run)
    content = room.artifact(run, "environment.json").decode()
    assert '"numpy"' in content
    assert '"python"' in content


def test_a_run_ends_once(room: Experiments, run: str) -> None:
    room.finish(run, "failed", "no memory")
    room.finish(run, "failed")
    with pytest.raises(Conflict, match="it is failed"):
        room.finish(run)
    with pytest.raises(Invalid, match="finished, failed, cancelled"):
        room.finish(run, "gone")
    assert room.run(run).error == "no memory"


def test_an_archived_run_takes_nothing_until_it_is_restored(room: Experiments, run: str) -> None:
    room.archive(run, "a mistake")
    with pytest.raises(Conflict, match="archived"):
        room.log_metrics(run, {"loss": 1.0})
    with pytest.raises(Conflict, match="archived"):
        room.log_params(run, {"depth": 1})
    assert room.count() == 0
    room.restore(run)
    room.log_metrics(run, {"loss": 1.0})
    assert room.count() == 1


def test_nothing_is_written_to_a_run_that_is_not_there(room: Experiments) -> None:
    with pytest.raises(NotFound, match="no run"):
        room.log_metrics("0" * 32, {"loss": 1.0})
    with pytest.raises(NotFound, match="no run"):
        room.run("0" * 32)


def test_a_job_that_runs_again_finds_its_unfinished_run(room: Experiments) -> None:
    run = room.start("flights", job_id="job-1", code=UNKNOWN)
    room.start("flights", job_id="job-1", parent=run, code=UNKNOWN)
    assert room.resume_candidate("job-1") == run
    room.finish(run)
    assert room.resume_candidate("job-1") is None


def test_a_child_belongs_to_its_parents_experiment(room: Experiments, run: str) -> None:
    child = room.start("flights", "trial 1", parent=run, code=UNKNOWN)
    assert [one.id for one in room.run(run).children] == [child]
    with pytest.raises(Conflict, match="does not belong to the experiment"):
        room.start("other", parent=run, code=UNKNOWN)


def test_an_experiment_is_created_once(room: Experiments, run: str) -> None:
    with pytest.raises(Conflict, match="exists already"):
        room.create("flights")
    with pytest.raises(Invalid, match="characters"):
        room.create("  ")
    room.create("empty", note="nothing yet")
    frame = room.experiments().set_index("name")
    assert frame["runs"].to_dict() == {"flights": 1, "empty": 0}
    assert frame["running"].to_dict() == {"flights": 1, "empty": 0}


def test_commands_are_activities_and_trials_are_not(workspace: Workspace) -> None:
    room = workspace.experiments
    run = room.start("flights", "first", code=UNKNOWN)
    room.start("flights", "trial", parent=run, code=UNKNOWN)
    room.finish(run)
    room.annotate(run, "the one to beat")
    room.archive(run, "tidying")
    entries = workspace.activity.entries()[["verb", "name"]].to_numpy().tolist()
    assert entries == [
        ["archived", "first"],
        ["annotated", "first"],
        ["finished", "first"],
        ["started", "first"],
        ["created", "flights"],
    ]
    assert workspace.activity.verify().intact
