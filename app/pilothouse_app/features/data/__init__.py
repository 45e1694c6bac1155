"""Datasets: registration, reading options, profiles, contracts, actions on a version."""
