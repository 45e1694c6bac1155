"""Contract tests that every plugin must pass, ours and a stranger's."""
