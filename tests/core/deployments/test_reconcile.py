"""The plan: level-triggered steps from what is wanted and what runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as some

from pilothouse.deployments.controller.reconcile import (
    ReconcilePlan,
    back_off,
    choose_serving,
    plan,
)
from pilothouse.deployments.tables import Deployment, Replica

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def wanted(number: int, serving: int | None = None, **more: object) -> Deployment:
    facts: dict[str, object] = {
        "name": "d",
        "model": "m",
        "version": number,
        "serving_version": serving,
    }
    times = {"created_at": NOW, "updated_at": NOW, "created_by": "ada"}
    return Deployment(**{**facts, **times, **more})


def process(number: int, state: str, ordinal: int = 0, **more: object) -> Replica:
    return Replica(
        **{"deployment": "d", "version": number, "ordinal": ordinal, "state": state, **more}
    )


def test_what_is_wanted_and_absent_is_started() -> None:
    assert plan(wanted(1), [], NOW) == ReconcilePlan(None, ((1, 0),), ())
    two = wanted(1, replicas=2)
    assert plan(two, [process(1, "ready")], NOW) == ReconcilePlan(1, ((1, 1),), ())


def test_what_is_right_is_left_alone() -> None:
    assert plan(wanted(1, 1), [process(1, "ready")], NOW) == ReconcilePlan(1, (), ())
    assert plan(wanted(1), [process(1, "starting")], NOW) == ReconcilePlan(None, (), ())


def test_the_old_version_answers_until_the_new_one_is_ready() -> None:
    old = process(1, "ready")
    assert plan(wanted(2, 1, previous_version=1), [old], NOW) == ReconcilePlan(1, ((2, 0),), ())
    starting = [old, process(2, "starting")]
    assert plan(wanted(2, 1, previous_version=1), starting, NOW) == ReconcilePlan(1, (), ())
    ready = [old, process(2, "ready")]
    assert plan(wanted(2, 1, previous_version=1), ready, NOW) == ReconcilePlan(2, (), ((1, 0),))


def test_the_previous_version_stays_warm_for_a_while() -> None:
    both = [process(1, "ready"), process(2, "ready")]
    until = NOW + timedelta(minutes=1)
    assert plan(wanted(2, 2, previous_version=1, warm_until=until), both, NOW).stops == ()
    assert plan(wanted(2, 2, previous_version=1, warm_until=until), both, until).stops == ((1, 0),)


def test_a_stopped_deployment_stops_everything() -> None:
    both = [process(1, "ready"), process(2, "stopping")]
    assert plan(wanted(1, 1, desired_state="stopped"), both, NOW) == ReconcilePlan(
        None, (), ((1, 0),)
    )


def test_a_crashed_process_waits_its_turn() -> None:
    later = NOW + timedelta(seconds=4)
    resting = process(1, "failed", start_after=later)
    assert plan(wanted(1, 1), [resting], NOW).starts == ()
    assert plan(wanted(1, 1), [resting], later).starts == ((1, 0),)
    assert [back_off(n).total_seconds() for n in range(1, 10)] == [0, 1, 2, 4, 8, 16, 32, 60, 60]


def test_a_looping_version_gives_way_to_the_warm_one() -> None:
    looping = process(2, "crash_loop", fast_crashes=5)
    assert choose_serving(wanted(2, 2, previous_version=1), [looping, process(1, "ready")]) == 1
    assert (
        choose_serving(
            wanted(2, 2, previous_version=1), [process(2, "failed"), process(1, "ready")]
        )
        == 2
    )


def test_a_clock_that_is_put_back_neither_delays_a_start_nor_keeps_a_version_warm() -> None:
    day = timedelta(days=1)
    resting = process(1, "failed", start_after=NOW + timedelta(seconds=60))
    assert plan(wanted(1, 1), [resting], NOW).starts == ()
    assert plan(wanted(1, 1), [resting], NOW - day).starts == ((1, 0),)
    both = [process(1, "ready"), process(2, "ready")]
    warm = wanted(2, 2, previous_version=1, warm_until=NOW + timedelta(minutes=9))
    assert plan(warm, both, NOW).stops == ()
    assert plan(warm, both, NOW - day).stops == ((1, 0),)


CANARY = {"salt": "x", "weights": [[2, 500], [1, 9_500]], "mirrors": [], "previews": []}


def test_the_candidates_of_a_rollout_run_beside_the_stable_version() -> None:
    trying = wanted(1, 1, traffic=CANARY)
    assert plan(trying, [process(1, "ready")], NOW) == ReconcilePlan(1, ((2, 0),), ())
    both = [process(1, "ready"), process(2, "ready")]
    assert plan(trying, both, NOW) == ReconcilePlan(1, (), ())
    assert plan(wanted(1, 1), both, NOW) == ReconcilePlan(1, (), ((2, 0),))


STATES = some.sampled_from(["new", "starting", "ready", "stopping", "failed", "crash_loop"])
PROCESSES = some.dictionaries(
    some.tuples(some.integers(1, 4), some.integers(0, 1)), STATES, max_size=8
)
VERSIONS = some.integers(1, 4)


@given(
    PROCESSES, VERSIONS, some.none() | VERSIONS, some.sets(VERSIONS, min_size=1), some.booleans()
)
def test_no_step_of_a_plan_takes_a_needed_process_away(
    running: dict[tuple[int, int], str],
    version: int,
    serving: int | None,
    candidates: set[int],
    splits: bool,
) -> None:
    weights = [[one, 0] for one in sorted(candidates - {version})] + [[version, 10_000]]
    traffic = CANARY | {"weights": weights} if splits else None
    row = wanted(version, serving, traffic=traffic, replicas=2)
    replicas = [process(n, state, ordinal) for (n, ordinal), state in running.items()]
    steps = plan(row, replicas, NOW)
    needed = {version, steps.serving_version, *(candidates if splits else ())} - {None}
    assert not {n for n, _ in steps.stops} & needed
    assert {n for n, _ in steps.starts} <= needed
    assert not set(steps.starts) & {key for key, state in running.items() if state == "ready"}
    started = {**running, **dict.fromkeys(steps.starts, "starting")}
    after = [process(n, s, i) for (n, i), s in started.items() if (n, i) not in steps.stops]
    again = plan(wanted(version, steps.serving_version, traffic=traffic, replicas=2), after, NOW)
    assert again.starts == ()
    assert again.stops == ()
