"""Exports of versions to other serving systems."""
