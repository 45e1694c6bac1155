"""Monitoring: trends, windows, drift, reports, rules and alerts."""
