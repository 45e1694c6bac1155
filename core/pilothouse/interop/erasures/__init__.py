"""Erasure of an entity from the whole workspace: datasets, logs, messages, uploads."""
