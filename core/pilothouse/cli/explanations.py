"""An explanation of a window as text: its sentences, columns and events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pilothouse.cli.output import Output

if TYPE_CHECKING:
    from pilothouse.monitoring.explanation import ColumnCause, Explanation


def explanation_output(explanation: Explanation) -> Output:
    """The explanation as it is, and for people: the sentences, then columns and events by line."""
    from pilothouse.monitoring.explanation_text import share_text

    def line(cause: ColumnCause) -> str:
        parts = [f"{cause.since:%Y-%m-%d}  {cause.status}  {cause.column}"]
        if cause.changed_share is not None:
            parts.append(f"changed {share_text(cause.changed_share)}")
        if cause.harm is not None:
            parts.append(f"harm {cause.harm:.4g}")
        return "  ".join(parts)

    columns = [line(cause) for cause in explanation.columns]
    events = [f"{event.at:%Y-%m-%d %H:%M}  {event.text}" for event in explanation.events]
    blocks = [" ".join(explanation.sentences)]
    blocks += ["\n".join(["Columns by harm:", *columns])] if columns else []
    blocks += ["\n".join(["Events before it:", *events])] if events else []
    return Output(explanation, "\n\n".join(blocks))
