"""How a training measured its metrics, in words."""

from __future__ import annotations

from pilothouse_app.components.markdown import literal
from pilothouse_app.components.workspace import workspace


def how_measured(run: str | None) -> str:
    """On which rows the metrics of a run were measured, with the interval; empty when unknown."""
    measured = workspace().training.how_measured(run) if run else None
    if measured is None:
        return ""
    return literal("; ".join(filter(None, [measured.text, measured.interval_text])))
