"""Who did what, when, and why: the append-only, hash-chained log that every writer uses."""

from pilothouse.activity.api import Activity
from pilothouse.activity.chain import hear, record, verify
from pilothouse.activity.seals import mark

__all__ = ["Activity", "hear", "mark", "record", "verify"]
