"""A monitor tried on its history: stored results judged by other settings, and the alerts of them.

The second path is the engine itself: what it stores when it evaluates the same rows.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.kit.errors import Invalid, NotFound
from pilothouse.monitoring import history_replay, monitors
from pilothouse.monitoring.alert_rules import AlertRuleSpec
from pilothouse.monitoring.alert_state import episodes, evaluate
from pilothouse.monitoring.rejudging import StoredChance

JUDGEMENT = ("signal", "check", "column", "status", "score", "warn", "threshold", "primary")
CHANCE = ("noise", "noise_level", "p_value", "standard_error", "reference_error")
VERDICTS = st.lists(st.sampled_from(["breach", "between", "clear", "unknown"]), max_size=25)


def random_week(desk: Any, number: int, seed: int) -> dict[str, Any]:
    """A week of anything: few rows or many, labels or none, shifted, missing, of another type."""
    rng = np.random.default_rng(seed)
    rows = int(rng.choice([60, 150, 400, 1_500]))
    frame = desk.draw(rows, seed=seed, skill=float(rng.choice([0.0, 0.5, 1.0])))
    frame["temp"] += float(rng.choice([0, 0, 2, 8]))
    if rng.random() < 0.3:
        frame.loc[rng.random(rows) < 0.4, "gust"] = np.nan
    if rng.random() < 0.2:
        frame["hour"] = 12
    if rng.random() < 0.2:
        frame = pd.concat([frame, frame.head(rows // 2)])
    if rng.random() < 0.2:
        frame = frame.astype({"fixed": object}).assign(fixed="no number")
    desk.log(frame, desk.week(number), labelled=float(rng.choice([0.0, 0.3, 1.0, 1.0])))
    desk.clock.advance(timedelta(minutes=1))
    return desk.evaluate(desk.week(number))


def history(desk: Any) -> tuple[Any, list[Any]]:
    """The config, and every window with all of its results."""
    with desk.store.read() as session:
        config = monitors.monitor_info(session, "late").config
        return config, history_replay._history(session, "late", config, set(_tests()))


def _tests() -> list[str]:
    from pilothouse.monitoring.drift import drift_tests

    return [*drift_tests.names(), "drifted_share", "domain_classifier"]


def by_key(checks: Any, names: tuple[str, ...]) -> dict[Any, Any]:
    return {(c.signal, c.check, c.column): [getattr(c, name) for name in names] for c in checks}


def equal_checks(judged: Any, stored: Any) -> None:
    assert by_key(judged, JUDGEMENT) == by_key(stored, JUDGEMENT)
    left, right = by_key(judged, CHANCE), by_key(stored, CHANCE)
    for key, values in left.items():
        scored = [(a, b) for a, b in zip(values, right[key], strict=True) if None not in (a, b)]
        assert all(a == pytest.approx(b, rel=1e-9, abs=1e-12) for a, b in scored), key


def stored_alerts(desk: Any) -> list[tuple[Any, ...]]:
    """The alerts on record as starts of windows, as `episodes` of a replay has them."""
    starts = desk.monitoring.windows("late").set_index("id")["start"]
    rows = []
    alerts = [desk.monitoring.alerts(state, deployment="late") for state in (None, "never_fired")]
    for alert in pd.concat(alerts).itertuples():
        ended = desk.monitoring.alert_events(alert.id)
        ended = ended[ended["after"] == "resolved"]["window_id"]
        fired = None if pd.isna(alert.fired_window) else starts[alert.fired_window]
        cleared = starts[ended.iloc[0]] if len(ended) else None
        rows.append((alert.name, starts[alert.first_window], fired, cleared))
    return sorted(rows, key=str)


def replayed_alerts(replay: Any, settings: str) -> list[tuple[Any, ...]]:
    frame = replay.episodes[replay.episodes["settings"] == settings]
    rows = frame[["rule", "first", "fired", "cleared"]].astype(object)
    return sorted(rows.where(rows.notna(), None).itertuples(index=False, name=None), key=str)


@pytest.mark.parametrize("seed", [2, 3, 4])
def test_with_its_own_settings_a_history_is_what_is_stored(desk: Any, seed: int) -> None:
    desk.monitoring.monitor("late", domain_classifier=seed == 2)
    desk.monitoring.add_rule(
        "late", AlertRuleSpec("psi", "feature_drift", "psi", "above", 0.1, for_windows=1)
    )
    desk.monitoring.add_rule(
        "late",
        AlertRuleSpec(
            "estimate", "estimated_performance", "primary", "worse_than_tolerated", 0.1,
            for_windows=1, clear_windows=1,
        ),
    )  # fmt: skip
    for number in range(8):
        random_week(desk, number, 100 * seed + number)
    config, windows = history(desk)
    assessments = history_replay.rejudged(windows, config)
    for (window, stored), judged in zip(windows, assessments, strict=True):
        equal_checks(judged.checks, stored.checks)
        for name in history_replay.STATUSES:
            assert getattr(judged, name) == getattr(window, name)

    replay = desk.monitoring.replay("late")
    assert len(replay.windows) == 8
    assert list(replay.windows["status_now"]) == list(replay.windows["status_tried"])
    assert replay.now == replay.tried
    assert replay.not_replayed == ()
    expected = stored_alerts(desk)
    assert expected
    assert replayed_alerts(replay, "now") == replayed_alerts(replay, "tried") == expected


SETTINGS: list[dict[str, Any]] = [
    {"limits": {"psi": {"warn": 0.02, "fail": 0.05}, "missing": {"warn": 0.2, "fail": 0.5}}},
    {"limits": {"duplicate_rows": {"warn": 0.3, "fail": 0.9}, "volume": {"warn": 0.9}}},
    {"tolerances": {"roc_auc": 0.3}, "min_labelled": 500},
    {"tolerances": {"roc_auc": 0.005, "brier": 0.01}, "min_coverage": 0.2},
    {"drifted_share": 0.1, "primary": {"number": "ks", "category": "jensen_shannon"}},
    {"min_rows": 1_000, "false_discovery_rate": 0.2},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: "+".join(settings))
def test_a_replay_says_what_an_evaluation_with_these_settings_stores(
    desk: Any, settings: dict[str, Any]
) -> None:
    for number in range(6):
        random_week(desk, number, 40 + number)
    _, before = history(desk)
    replay = desk.monitoring.replay("late", settings)
    with desk.store.read() as session:
        config = monitors.checked_settings(session, before[0][1].config, settings)
    judged = history_replay.rejudged(before, config)

    desk.monitoring.monitor("late", **settings)
    for number in range(6):
        desk.evaluate(desk.week(number))
    _, after = history(desk)
    assert all(window.revision == 2 for window, _ in after)
    statuses = ("signal", "check", "column", "status", "primary", "threshold")
    for again, (window, stored) in zip(judged, after, strict=True):
        assert by_key(again.checks, statuses) == by_key(stored.checks, statuses)
        assert again.status == window.status
    assert list(replay.windows["status_tried"]) == [window.status for window, _ in after]
    assert list(replay.windows["limit_tried"].dropna()) == [
        check.threshold
        for _, stored in after
        for check in stored.checks
        if check.signal == "performance" and check.primary
    ]


def falling(desk: Any) -> None:
    """Ten weeks: worthless scores in weeks 2 to 4 and in week 7, no labels in week 9."""
    for number in range(10):
        skill = 0.0 if number in (2, 3, 4, 7) else 1.0
        frame = desk.draw(1_500, seed=300 + number, skill=skill)
        desk.log(frame, desk.week(number), labelled=0.0 if number == 9 else 1.0)
        desk.clock.advance(timedelta(minutes=1))
        desk.evaluate(desk.week(number))


def test_alerts_stand_beside_the_real_falls(desk: Any) -> None:
    falling(desk)
    replay = desk.monitoring.replay("late", rules=[{"name": "performance", "for_windows": 1}])
    windows = replay.windows
    assert windows["fall"].tolist() == [
        *(False, False, True, True, True, False, False, True, False, None)
    ]
    now, tried = replay.now, replay.tried
    assert (now.alerts, now.with_fall, now.falls, now.falls_missed) == (1, 1, 4, 1)
    assert (tried.alerts, tried.with_fall, tried.falls, tried.falls_missed) == (2, 2, 4, 0)
    assert windows["alerts_now"].tolist() == [0, 0, 0, 1, 1, 1, 0, 0, 0, 0]
    assert windows["alerts_tried"].tolist() == [0, 0, 1, 1, 1, 1, 0, 1, 1, 1]

    episodes = replay.episodes[replay.episodes["settings"] == "tried"]
    assert episodes["first"].tolist() == [desk.week(2), desk.week(7)]
    assert episodes["fired"].tolist() == [desk.week(2), desk.week(7)]
    assert episodes["cleared"].iloc[0] == desk.week(6)
    assert pd.isna(episodes["cleared"].iloc[1])
    assert desk.monitoring.rules("late").set_index("name").loc["performance", "for_windows"] == 2


def test_a_paused_rule_and_a_new_one_are_tried(desk: Any) -> None:
    falling(desk)
    new = AlertRuleSpec("any", "performance", "roc_auc", "below", 0.99, for_windows=3)
    replay = desk.monitoring.replay("late", rules=[{"name": "performance", "enabled": False}, new])
    assert set(replay.episodes[replay.episodes["settings"] == "tried"]["rule"]) == {"any"}
    assert (replay.tried.alerts, replay.tried.falls_missed) == (1, 0)
    desk.monitoring.add_rule("late", new)
    assert desk.monitoring.replay("late").now.alerts == 2


def test_an_alert_without_a_fall_is_counted_as_such(desk: Any) -> None:
    for number in range(4):
        frame = desk.draw(1_500, seed=500 + number)
        for name in ("temp", "hour"):
            frame[name] += 8
        desk.log(frame, desk.week(number), labelled=1.0 if number < 2 else 0.0)
        desk.evaluate(desk.week(number))
    assert desk.monitoring.replay("late").tried.alerts == 0
    tried = desk.monitoring.replay(
        "late",
        {"drifted_share": 0.1},
        [{"name": "drift", "threshold": 0.2, "clear_threshold": None}],
    ).tried
    assert (tried.alerts, tried.with_fall, tried.without_fall) == (1, 0, 1)


def test_an_alert_that_a_person_ended_is_not_opened_again(desk: Any) -> None:
    for number in range(4):
        frame = desk.draw(1_500, seed=300 + number, skill=0.0)
        desk.log(frame, desk.week(number))
        desk.evaluate(desk.week(number))
        if number == 2:
            desk.monitoring.resolve(desk.monitoring.alerts()["id"].item(), "a broken sensor")
    replay = desk.monitoring.replay("late")
    episodes = replay.episodes[replay.episodes["settings"] == "now"]
    assert episodes["first"].tolist() == [desk.week(0), desk.week(3)]
    assert episodes["cleared"].iloc[0] == desk.week(2)
    assert episodes["fired"].notna().tolist() == [True, False]


def test_what_stored_results_cannot_say_is_said(desk: Any) -> None:
    for number, rows in enumerate((100, 1_000)):
        desk.log(desk.draw(rows, seed=600 + number), desk.week(number))
        desk.evaluate(desk.week(number))
    notes = desk.monitoring.replay(
        "late",
        {
            "period": "day",
            "min_rows": 50,
            "reference": "previous_windows",
            "false_discovery_rate": 0.1,
            "tolerances": {"roc_auc": 0.1, "f1": 0.1},
        },
    ).not_replayed
    assert [note.split(":")[0] for note in notes] == [
        "period is left as it is",
        "reference is left as it is",
        "min_rows",
        "false_discovery_rate",
        "f1",
    ]


def test_a_history_without_windows_is_empty(desk: Any) -> None:
    replay = desk.monitoring.replay("late", {"min_rows": 500})
    assert replay.windows.empty
    assert replay.episodes.empty
    assert replay.now.alerts == 0
    assert list(replay.windows.columns) == list(history_replay.REPLAYED)


@pytest.mark.parametrize(
    ("settings", "rules"),
    [
        ({"shade": 1}, []),
        ({"min_coverage": 2}, []),
        ({"limits": {"psi": {"warn": -1}}}, []),
        ({}, [{"name": "drift", "colour": "red"}]),
        ({}, [{"name": "drift", "for_windows": 0}]),
        ({}, [{"name": "one more", "threshold": 1.0}]),
    ],
)
def test_settings_that_make_no_sense_are_refused(desk: Any, settings: Any, rules: Any) -> None:
    with pytest.raises(Invalid):
        desk.monitoring.replay("late", settings, rules)


def test_nobody_monitors_it(desk: Any) -> None:
    with pytest.raises(NotFound):
        desk.monitoring.replay("other")


@given(VERDICTS, st.integers(1, 3), st.integers(1, 3))
def test_episodes_are_those_of_one_evaluation_after_the_other(
    verdicts: list[Any], for_windows: int, clear_windows: int
) -> None:
    spans = episodes(verdicts, for_windows, clear_windows)
    for index in range(len(verdicts)):
        state = evaluate(verdicts[: index + 1], for_windows, clear_windows)
        (span,) = [
            s for s in spans if s.opened <= index and (s.ended is None or index < s.ended)
        ] or [None]
        assert state.opened == (None if span is None else span.opened)
        fires = span is not None and span.fired is not None and span.fired <= index
        assert (state.phase == "firing") == fires
    by_hand = episodes(verdicts, for_windows, clear_windows, range(len(verdicts)))
    assert [(s.opened, s.ended) for s in by_hand] == [
        (index, index) for index, verdict in enumerate(verdicts) if verdict == "breach"
    ]


def test_noise_at_another_level_follows_an_exponential_tail() -> None:
    from scipy.stats import chi2

    level, p = 0.001, 0.3
    chance = StoredChance("chi-square", chi2.isf(p, 9), p, level, chi2.isf(level, 9))
    assert chance.limit(level) == chi2.isf(level, 9)
    assert chance.limit(p) == pytest.approx(chi2.isf(p, 9))
    assert chance.limit(0.01) == pytest.approx(chi2.isf(0.01, 9), rel=0.05)
    assert StoredChance("Fisher", 0.0, 1.0, level, 0.2).limit(0.01) < 0.2
