"""Bringing what another tracker kept: read through a `Source`, written as our own runs and models.

What is read was written by strangers: it is checked value by value, nothing of it is executed or
unpickled, and whatever cannot come becomes a line of the report.
"""
