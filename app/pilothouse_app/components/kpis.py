"""A row of key figures as tiles of equal height."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import streamlit as st

from pilothouse_app.components.layout import covered_by_link
from pilothouse_app.components.links import PageAddress, link
from pilothouse_app.components.markdown import literal


@dataclass(frozen=True)
class Kpi:
    """One tile: label, value, a muted context, and optionally its recent trend.

    `change` is a number (0 is grey and has no arrow) or text that begins with its sign; `better`
    says which direction is good news. A tile `to` somewhere is a link as a whole; an `alarming` one
    has its value in red.
    """

    label: str
    value: str
    context: str = ""
    change: float | str | None = None
    better: Literal["higher", "lower", "neither"] = "neither"
    # Only a line: Streamlit's bars and areas in a metric begin at the least value, not at zero.
    trend: Sequence[float] = field(default_factory=tuple)
    help: str | None = None
    to: PageAddress | None = None
    alarming: bool = False


_COLOURS: dict[str, Literal["normal", "inverse", "off"]] = {
    "higher": "normal",
    "lower": "inverse",
    "neither": "off",
}


def kpi_row(kpis: Sequence[Kpi], *, columns: int = 0) -> None:
    """The tiles side by side; all get the same parts, so that their heights agree."""
    courses = any(len(kpi.trend) for kpi in kpis)
    with st.grid(columns or len(kpis), min_column_width=128, gap="small"):
        for index, kpi in enumerate(kpis):
            if kpi.to is None:
                _tile(kpi, courses)
                continue
            with covered_by_link(f"tile_{index}"):
                _tile(kpi, courses)
                link(kpi.to, f"{kpi.label}: {kpi.value}", width="stretch")


def _tile(kpi: Kpi, courses: bool) -> None:
    course = [float(value) for value in kpi.trend] or [0.0, 0.0]
    st.metric(
        literal(kpi.label),
        f":red[{literal(kpi.value)}]" if kpi.alarming else literal(kpi.value),
        delta=kpi.change,
        delta_color=_COLOURS[kpi.better],
        delta_description=literal(kpi.context) or " ",
        border=True,
        height="stretch",
        help=kpi.help,
        chart_data=course if courses else None,
        chart_type="line",
    )
