"""Rollouts: changes of version in steps, decided by the worker from what the candidate does."""
