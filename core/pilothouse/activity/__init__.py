"""Who did what, when, and why: the append-only, hash-chained log that every writer uses."""

from pilothouse.activity.api import Activity
from pilothouse.activity.chain import record, subscribe, verify
from pilothouse.activity.seals import mark_rows

__all__ = ["Activity", "mark_rows", "record", "subscribe", "verify"]
