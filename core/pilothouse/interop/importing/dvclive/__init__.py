"""Folders of DVCLive, and experiments of DVC in a Git repository, without DVC."""
