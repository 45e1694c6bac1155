"""Responsible use: explanations, what-if questions, counterfactuals and thresholds by group."""

from pilothouse.explanations.api import Explanations as Explanations
