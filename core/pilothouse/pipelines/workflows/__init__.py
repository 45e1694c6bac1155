"""Workflows: one module a kind, each registered with `pilothouse.jobs.workflows`."""
