"""Reviews: starting and ending one, its minutes."""
