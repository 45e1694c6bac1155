"""Comparison: two to ten runs against a baseline, with statistics on their differences."""

from pilothouse.comparison.api import Comparisons as Comparisons
