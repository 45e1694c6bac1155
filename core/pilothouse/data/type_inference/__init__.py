"""Column types: what the texts of a column are, and how they are converted."""
