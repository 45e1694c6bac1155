"""The run table: filters, pages, columns, groups, saved views."""
