"""The archive of the workspace."""
