"""Dataset versions from a table or query of a database, which is only read."""
