"""The history of decisions, for the pages that show it."""
