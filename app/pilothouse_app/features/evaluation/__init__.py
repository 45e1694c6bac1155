"""Evaluations of versions: starting one, listing them, what a finished one measured."""
