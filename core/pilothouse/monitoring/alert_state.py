"""The state of an alert after a sequence of windows: a pure function of their verdicts.

A verdict is `breach`, `clear`, `between` (no breach, but not clearly past either) or `unknown`
(too few rows). Unknown windows change nothing. `for_windows` breaches in a row fire;
`clear_windows` clear ones in a row end it. This is Prometheus' `for` and `keep_firing_for`, with
windows in place of time.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from pilothouse.monitoring.rules import rule_kinds

Verdict = Literal["breach", "between", "clear", "unknown"]
Phase = Literal["inactive", "pending", "firing"]


@dataclass(frozen=True)
class AlertState:
    """The phase, the breaches and clear windows in a row, and where the episode began."""

    phase: Phase = "inactive"
    breaches: int = 0
    clears: int = 0
    opened: int | None = None


def advance(
    state: AlertState, verdict: Verdict, index: int, for_windows: int, clear_windows: int
) -> AlertState:
    """The state after one more window, the `index`-th."""
    if verdict == "unknown":
        return state
    if verdict == "breach":
        breaches = state.breaches + 1
        firing = state.phase == "firing" or breaches >= for_windows
        opened = index if state.opened is None else state.opened
        return AlertState("firing" if firing else "pending", breaches, 0, opened)
    clears = state.clears + 1 if verdict == "clear" else 0
    if state.phase != "firing" or clears >= clear_windows:
        return AlertState(clears=clears)
    return AlertState("firing", 0, clears, state.opened)


def evaluate(verdicts: Iterable[Verdict], for_windows: int, clear_windows: int) -> AlertState:
    """The state after all of these windows, oldest first."""
    state = AlertState()
    for index, verdict in enumerate(verdicts):
        state = advance(state, verdict, index, for_windows, clear_windows)
    return state


def has_cleared(verdicts: Iterable[Verdict], clear_windows: int) -> bool:
    """Whether these windows clear whatever alert was open before: then no earlier one matters."""
    clears = 0
    for verdict in verdicts:
        if verdict != "unknown":
            clears = clears + 1 if verdict == "clear" else 0
        if clears >= clear_windows:
            return True
    return False


@dataclass(frozen=True)
class Episode:
    """One episode of an alert, as positions of windows: `fired` is None when it never did.

    `ended` is the window that cleared it, None while it is open.
    """

    opened: int
    fired: int | None = None
    ended: int | None = None


def episodes(
    verdicts: Iterable[Verdict],
    for_windows: int,
    clear_windows: int,
    ended_by_hand: Container[int] = (),
) -> list[Episode]:
    """Every episode of these windows, oldest first, as if they had been evaluated one by one.

    After a window in `ended_by_hand` the windows up to it no longer count.
    """
    spans: list[Episode] = []
    state = AlertState()
    for index, verdict in enumerate(verdicts):
        state = advance(state, verdict, index, for_windows, clear_windows)
        is_open = bool(spans) and spans[-1].ended is None
        if state.opened is not None and not is_open:
            spans.append(Episode(state.opened))
        if state.phase == "firing" and spans[-1].fired is None:
            spans[-1] = replace(spans[-1], fired=index)
        if state.opened is None and is_open:
            spans[-1] = replace(spans[-1], ended=index)
        if index in ended_by_hand:
            state = AlertState()
            if spans and spans[-1].ended is None:
                spans[-1] = replace(spans[-1], ended=index)
    return spans


@dataclass(frozen=True)
class Condition:
    """When a score breaches, and when it is clear again (by default, as soon as it does not).

    `kind` names one of `monitoring.rules`, which says how a score is compared with the threshold.
    """

    kind: str
    threshold: float
    clear: float | None = None

    def verdict(self, score: float | None, reference: float | None) -> Verdict:
        """The verdict on one score; unknown without what it must be compared with.

        Raises NotFound when the kind is not installed.
        """
        excess = self.excess(score, reference)
        if excess is None:
            return "unknown"
        if excess > 0:
            return "breach"
        clear = self.threshold if self.clear is None else self.clear
        beyond_clear = replace(self, threshold=clear).excess(score, reference)
        return "clear" if beyond_clear is None or beyond_clear <= 0 else "between"

    def excess(self, score: float | None, reference: float | None) -> float | None:
        """How far the score lies beyond the threshold; None when that cannot be said."""
        if score is None:
            return None
        return rule_kinds.get(self.kind).excess(score, reference, self.threshold)


def combine(verdicts: Sequence[Verdict]) -> Verdict:
    """The verdict on several results of one window: one breach is enough; all must be clear."""
    decisive = [verdict for verdict in verdicts if verdict != "unknown"]
    if "breach" in decisive:
        return "breach"
    if not decisive:
        return "unknown"
    return "between" if "between" in decisive else "clear"
