"""Where a run came from: git commit, uncommitted changes, environment."""
