"""Deployments: launching, traffic, details, labels, and trying one out."""
