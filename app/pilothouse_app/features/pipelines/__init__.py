"""Jobs and schedules: their tables, progress, and the dialogs that start them."""
