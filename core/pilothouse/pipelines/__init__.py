"""What joins the rest: workflows over several rooms, what triggers them, the demo."""

from pilothouse.pipelines.api import Pipelines

__all__ = ["Pipelines"]
