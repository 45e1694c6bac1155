"""Archives of whole workspaces in open formats: Parquet, JSON, and files by their content."""
