"""Fact sheets: what is known of a thing by section, from evidence and from people.

A model card and a datasheet are fact sheets. What is not known is said as not known.
"""
