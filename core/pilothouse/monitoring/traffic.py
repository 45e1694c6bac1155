"""The traffic of a deployment in a window, and what is usual by its earlier windows. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pilothouse.monitoring.service_checks import ServiceFacts

MIN_EARLIER = 4
MAX_EARLIER = 20
UNUSUAL_SHARE = 0.1  # so many of the earlier windows may have been out of the ordinary themselves


@dataclass(frozen=True)
class Traffic:
    """The predictions of all versions of a deployment in a window.

    `silent_share` is the part of the window after its newest prediction, None without any.
    `ahead` of the `received` predictions claim to be from more than a few minutes after their
    receipt. `earlier_rows` and `earlier_silence` are those of earlier windows, the newest first;
    `has_ended` is false for a window that is still open. `service` is of the requests received.
    """

    rows: int
    silent_share: float | None
    ahead: int
    received: int
    has_ended: bool = True
    earlier_rows: tuple[int, ...] = ()
    earlier_silence: tuple[float, ...] = ()
    service: ServiceFacts = field(default_factory=ServiceFacts)


def usual_least(values: Sequence[float]) -> float:
    """The smallest of earlier values, but for a tenth of them."""
    return sorted(values)[int(UNUSUAL_SHARE * len(values))]


def usual_most(values: Sequence[float]) -> float:
    """The largest of earlier values, but for a tenth of them."""
    return sorted(values, reverse=True)[int(UNUSUAL_SHARE * len(values))]
