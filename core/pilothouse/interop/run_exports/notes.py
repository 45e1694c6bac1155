"""NOTES.md of an export of runs: how it is opened, what it holds, and what it does not."""

from __future__ import annotations

from pilothouse.interop.exporting.export_notes import fenced
from pilothouse.interop.exporting.plan import ExportPlan
from pilothouse.interop.run_exports.run_source import RunTotals

MAX_NOTES = 200


def notes_text(title: str, totals: RunTotals, plan: ExportPlan, left_out: tuple[str, ...]) -> str:
    """The text, the same for the same runs."""
    notes = list(plan.notes[:MAX_NOTES])
    if len(plan.notes) > MAX_NOTES:
        notes.append(f"And {len(plan.notes) - MAX_NOTES:,} more of this kind.")
    parts = [
        f"# Runs for {title}",
        f"Written by Pilothouse. Experiments: {totals.experiments:,}; runs: {totals.runs:,}; "
        f"points: {totals.points:,}; files: {totals.files:,}.",
        "## Open it",
        fenced(plan.steps),
        "## In it",
        _listed(plan.carried),
        "## Not in it",
        _listed(left_out) or "Nothing is left out.",
    ]
    if notes:
        parts += ["## Changed on the way", _listed(notes)]
    return "\n\n".join(parts)


def _listed(lines: tuple[str, ...] | list[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
