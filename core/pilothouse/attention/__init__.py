"""What needs a person: decisions, alerts, failed jobs, crash loops, each until it is dismissed."""

from pilothouse.attention.api import Attention
from pilothouse.attention.items import Dismissal, Item

__all__ = ["Attention", "Dismissal", "Item"]
