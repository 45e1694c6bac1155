"""What a command touches, as a list in its dialog."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pilothouse_app.components.links import address
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.workspace import workspace

if TYPE_CHECKING:
    from pilothouse.governance import AffectedObject

MOST = 8


def affected_text(model: str, version: int, action: str, stage: str = "production") -> str:
    """What archiving or promoting a version touches, as Markdown; says so when it is nothing."""
    return _text(workspace().governance.affected(model, version, action, stage))


def roll_back_text(deployment: str) -> str:
    """What rolling back a deployment touches, as Markdown."""
    return _text(workspace().governance.affected_by_roll_back(deployment))


def _text(objects: Sequence[AffectedObject]) -> str:
    if not objects:
        return "\n\n:gray[It touches no deployment, alias, monitor, schedule or promotion.]"
    lines = [
        f"- [{literal(item.title)}]({address(item.kind, item.ref).url}): {literal(item.effect)}"
        for item in objects[:MOST]
    ]
    if len(objects) > MOST:
        lines.append(f"- and {len(objects) - MOST} more")
    return "\n\nIt touches:\n" + "\n".join(lines)
