"""Importing from another tracker: read through an `ImportSource`, written as runs and models.

The input is untrusted: every value is checked, nothing is executed or unpickled, and whatever
cannot be imported becomes a line of the report.
"""
