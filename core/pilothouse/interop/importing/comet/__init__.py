"""Offline archives of Comet: the messages of its client, and the files that it uploads."""
