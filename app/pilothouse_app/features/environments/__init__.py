"""Environments: the list, one with its lock and log, and the commands on them."""
