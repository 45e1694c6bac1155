"""The workspace: the composition root, the only place that wires settings to rooms."""

from pilothouse.workspace.opening import Workspace, open_workspace

__all__ = ["Workspace", "open_workspace"]
