"""Exploration of a dataset version: how its columns relate, what is unusual, what is missing.

Everything is computed from a frame of true values; results name columns and positions of rows, and
few values. A large version is represented by a sample of its rows.
"""
