"""Workflows: one module a kind of job, each registered with `pilothouse.jobs.workflows`."""
