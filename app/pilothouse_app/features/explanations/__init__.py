"""Responsible use of a version: groups compared, explanations, what-if questions."""
