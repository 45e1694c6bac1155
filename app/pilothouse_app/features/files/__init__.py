"""Files of runs and models, shown as untrusted content."""
