"""Recorded requests on another version: what would have been answered, and what changes by it."""
