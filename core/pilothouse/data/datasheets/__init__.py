"""Datasheets of dataset versions: what is known from their content, and what people wrote."""
