"""Policies: the list, the editor, what a draft would say, and files."""
