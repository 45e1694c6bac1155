"""The run table: filters, columns, groups, saved views, and commands for many runs."""
